"""What stays of raw messages when a person is taken out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.erased_messages import ERASED, erasure

END = b"\r\n\r\n"
MINE = b"Event: Hangup\r\nLinkedid: 1.1\r\nUniqueid: 1.2\r\nCallerIDNum: 13800138000" + END
LISTED = b"Event: QueueEntry\r\nUniqueid: 1.1\r\nCallerIDName: \xe7\x8e\x8b\xe8\x8a\xb3" + END
THEIRS = b"Event: Hangup\r\nLinkedid: 2.1\r\nUniqueid: 2.1\r\nCallerIDNum: 13911112222\r\nName: \xe9 odd" + END
OF_BOTH = b"Event: AttendedTransfer\r\nOrigTransfererLinkedid: 1.1\r\nTransfereeLinkedid: 2.1\r\nX: 13800138000" + END
OF_NONE = b"Event: QueueMemberPause\r\nInterface: PJSIP/201" + END


def left(raw: bytes, calls: set[str], *values: str) -> bytes:
    rest = erasure(calls, values).rest_of(raw)
    return raw if rest is None else rest


def test_messages_of_the_persons_calls_are_dropped_and_all_others_stay_byte_for_byte() -> None:
    assert left(MINE + LISTED + THEIRS + OF_NONE, {"1.1"}) == THEIRS + OF_NONE


def test_a_message_that_speaks_of_another_call_too_stays_without_the_person() -> None:
    kept = left(OF_BOTH, {"1.1"}, "13800138000")
    assert kept == OF_BOTH.replace(b"13800138000", ERASED.encode())


def test_nothing_of_the_person_means_nothing_to_write() -> None:
    assert erasure({"9.9"}, ["13800138001", "李四"]).rest_of(MINE + THEIRS) is None
    assert erasure(set(), []).rest_of(MINE) is None


@pytest.mark.parametrize(
    ("written", "values", "rest"),
    [
        ("X: +8613800138000", ["13800138000"], "X: (erased)"),
        ("X: 00138001380009", ["13800138000"], "X: 00138001380009"),
        ("Channel: Local/13800138000@out-1;1", ["+138 0013 8000"], "Channel: Local/(erased)@out-1;1"),
        ("Timestamp: 1795302178.12", ["1795302178"], "Timestamp: 1795302178.12"),
        ("Name: 王芳", ["王芳"], "Name: (erased)"),
        ("Name: 王芳芳", ["王芳"], "Name: 王芳芳"),
        ("Name: Annabel Lee", ["Anna"], "Name: Annabel Lee"),
        (r"CallerIDName: a \"b\" c", ['a "b" c'], "CallerIDName: (erased)"),
        ("Data: 王芳,13800138000", ["王芳", "13800138000"], "Data: (erased),(erased)"),
        ("Regex: a.*b", ["a.*b"], "Regex: (erased)"),
    ],
)
def test_numbers_and_names_as_asterisk_writes_them(written: str, values: list[str], rest: str) -> None:
    assert left(written.encode() + END, set(), *values) == rest.encode() + END


def test_a_name_in_latin_letters_of_one_byte_is_found_too() -> None:
    assert left(b"CallerIDName: Ren\xe9e" + END, set(), "Renée") == b"CallerIDName: (erased)" + END


@pytest.mark.parametrize("value", ["201", "+1 2", "王", " ", ""])
def test_what_is_too_short_to_tell_a_person_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="too short"):
        erasure(set(), [value])


@given(st.binary(max_size=300), st.text(min_size=2, max_size=8).filter(lambda name: len(name.strip()) > 4))
def test_any_bytes_stay_bytes_and_twice_is_once(raw: bytes, name: str) -> None:
    try:
        gone = erasure({"1.1"}, [name])
    except ValueError:
        return
    rest = gone.rest_of(raw + END)
    if rest is not None:
        assert gone.rest_of(rest) is None
