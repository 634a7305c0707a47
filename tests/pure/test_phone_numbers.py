"""The same phone is one E.164 number however it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.phone_numbers import to_e164


@pytest.mark.parametrize(
    "raw",
    [
        "13800138000",
        "+8613800138000",
        "008613800138000",
        "138 0013 8000",
        "+86 (138) 0013-8000",
        "sip:+8613800138000@trunk.example",
        "tel:+8613800138000;phone-context=x",
        "\uff11\uff13\uff18\uff10\uff10\uff11\uff13\uff18\uff10\uff10\uff10",
    ],
)
def test_every_way_of_writing_one_phone_is_one_number(raw: str) -> None:
    assert to_e164(raw, "CN") == "+8613800138000"


def test_the_country_decides_what_a_national_number_means() -> None:
    assert to_e164("010 6505 1234", "CN") == "+861065051234"
    assert to_e164("020 7946 0018", "GB") == "+442079460018"


@pytest.mark.parametrize(
    "raw",
    [None, "", "anonymous", "1001", "<unknown>", "1" * 400, "138\r\n0013", "\x00", '"; DROP', "\udce9"],
)
def test_what_is_no_phone_is_none(raw: str | None) -> None:
    assert to_e164(raw, "CN") is None


def test_a_local_number_without_its_area_code_is_nobodys() -> None:
    assert to_e164("555 0123", "US") is None


@given(st.text(max_size=80))
def test_no_text_breaks_it_and_a_result_reads_as_itself(raw: str) -> None:
    number = to_e164(raw, "CN")
    assert number is None or to_e164(number, "US") == number
