"""Numbers and money as people say them, in both languages."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi import counting, speaking
from agi.shipped import load_prompts

TEXTS = load_prompts()[0]


def said(keys: tuple[str, ...], language: str) -> str:
    return ("" if language == "zh" else " ").join(TEXTS[key][language] for key in keys)


@pytest.mark.parametrize(
    ("number", "english", "chinese"),
    [
        ("0", "zero", "零"),
        ("2", "two", "二"),
        ("10", "ten", "十"),
        ("15", "fifteen", "十五"),
        ("20", "twenty", "二十"),
        ("99", "ninety nine", "九十九"),
        ("101", "one hundred one", "一百零一"),
        ("110", "one hundred ten", "一百一十"),
        ("115", "one hundred fifteen", "一百一十五"),
        ("200", "two hundred", "两百"),
        ("1005", "one thousand five", "一千零五"),
        ("1010", "one thousand ten", "一千零一十"),
        ("2200", "two thousand two hundred", "两千两百"),
        ("10000", "ten thousand", "一万"),
        ("20000", "twenty thousand", "两万"),
        ("22000", "twenty two thousand", "两万两千"),
        ("100000", "one hundred thousand", "十万"),
        ("105000", "one hundred five thousand", "十万五千"),
        ("10000001", "ten million one", "一千万零一"),
        ("200000000", "two hundred million", "两亿"),
        ("100000001", "one hundred million one", "一亿零一"),
        ("-3.25", "minus three point two five", "负三点二五"),
        ("1.50", "one point five", "一点五"),
    ],
)
def test_numbers_are_said_as_people_say_them(number: str, english: str, chinese: str) -> None:
    assert said(counting.number(Decimal(number), "en"), "en") == english
    assert said(counting.number(Decimal(number), "zh"), "zh") == chinese


@pytest.mark.parametrize(
    ("amount", "currency", "english", "chinese"),
    [
        ("88.00", "CNY", "eighty eight yuan", "八十八元"),
        ("12.50", "CNY", "twelve yuan fifty", "十二元五角"),
        ("12.05", "CNY", "twelve yuan five", "十二元零五分"),
        ("12.34", "CNY", "twelve yuan thirty four", "十二元三角四分"),
        ("0.30", "CNY", "zero yuan thirty", "三角"),
        ("0", "CNY", "zero yuan", "零元"),
        ("9.99", "USD", "nine dollars ninety nine", "九点九九美元"),
        ("5", "SEK", "five S E K", "五SEK"),
    ],
)
def test_money_is_said_as_people_say_it(amount: str, currency: str, english: str, chinese: str) -> None:
    assert said(counting.money(Decimal(amount), currency, "en"), "en") == english
    assert said(counting.money(Decimal(amount), currency, "zh"), "zh") == chinese


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14, places=2),
    st.sampled_from(["CNY", "USD", "EUR", "SEK", "", "日元"]),
    st.sampled_from(["en", "zh"]),
)
def test_whatever_the_amount_only_existing_prompts_are_played(amount: Decimal, currency: str, language: str) -> None:
    keys = (*counting.number(amount, language), *counting.money(amount, currency, language))
    assert set(keys) <= speaking.every_prompt() <= TEXTS.keys()
    assert len(keys) < 80


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(["en", "zh"]))
def test_two_numbers_never_sound_alike(one: int, other: int, language: str) -> None:
    keys = [said(counting.number(Decimal(number), language), language) for number in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)
