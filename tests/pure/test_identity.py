"""A person found in any text however a number is spaced, and nobody else with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.identity import ERASED, check, identity

CANARY = identity({"13877776666", "夏侯渊", "C-4711", "yuan@wei.example"}, {"Alice Li"})


@pytest.mark.parametrize(
    "text",
    [
        "+8613877776666",
        "008613877776666",
        "913877776666",
        "138-7777-6666",
        "138 7777 6666",
        "+86 (138) 7777.6666",
        "夏侯渊",
        "c-4711",
        "YUAN@wei.example",
    ],
)
def test_every_spelling_is_found(text: str) -> None:
    assert CANARY.scrubbed(f"please call {text}, today", own=False) == f"please call {ERASED}, today"


@pytest.mark.parametrize(
    "text", ["13877776667", "138777766661", "1.13877776666.5", "C-47110", "1790000000.13", "", "侯渊"]
)
def test_others_stay(text: str) -> None:
    assert CANARY.scrubbed(text, own=True) == text


def test_a_name_between_chinese_words_is_found() -> None:
    assert CANARY.scrubbed("客户夏侯渊来电", own=False) == f"客户{ERASED}来电"


def test_a_shared_name_counts_beside_a_certain_value_and_in_own_rows_only() -> None:
    assert CANARY.scrubbed("Alice Li called", own=False) == "Alice Li called"
    assert CANARY.scrubbed("Alice Li called", own=True) == f"{ERASED} called"
    assert CANARY.scrubbed("Alice Li, 13877776666", own=False) == f"{ERASED}, {ERASED}"


def test_documents_lose_values_keys_and_bare_numbers() -> None:
    document = {"caller": "13877776666", "13877776666": [1, 13877776666, None, True], "name": "Bob"}
    assert CANARY.scrubbed(document, own=False) == {"caller": ERASED, ERASED: [1, None, None, True], "name": "Bob"}


@given(st.text(max_size=40))
def test_twice_is_once(text: str) -> None:
    once = CANARY.scrubbed(text, own=True)
    assert CANARY.scrubbed(once, own=True) == once


separators = st.sampled_from(["", "", "", " ", "-", ".", ") "])


@given(st.lists(separators, min_size=10, max_size=10), st.text(alphabet="abc 夏,;", max_size=6))
def test_no_spacing_hides_a_number(between: list[str], beside: str) -> None:
    number = "".join(digit + gap for digit, gap in zip("13877776666", [*between, ""], strict=True))
    assert "6666" not in CANARY.scrubbed(beside + number + beside, own=False)


@pytest.mark.parametrize("short", ["110", "", "x", "12 34"])
def test_what_is_too_short_is_refused(short: str) -> None:
    with pytest.raises(ValueError, match="too short to tell a person by"):
        check(short)
    assert identity({short}).certain == frozenset()
