"""queue_log: what each line tells, half lines named, stays with the traps of units and columns."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.log_lines import BadLine
from crm.rules.queue_log import Line, Stay, read_line, stays

T = 1795306061


def told(*texts: str) -> list[Stay]:
    lines = [(number, read_line(text)) for number, text in enumerate(texts, 1)]
    return list(stays((number, line) for number, line in lines if isinstance(line, Line)))


def one(*texts: str) -> Stay:
    (stay,) = told(*texts)
    return stay


def test_an_answered_call_is_one_stay_with_ring_wait_and_talk() -> None:
    stay = one(
        f"{T}|100.1|support|NONE|ENTERQUEUE||13800138000|2|Frolova K.",
        f"{T + 9}|100.1|support|PJSIP/1002|RINGNOANSWER|8000",
        f"{T + 12}|100.1|support|Amy|CONNECT|12|100.3|2",
        f"{T + 40}|100.1|support|Amy|COMPLETEAGENT|12|28|2",
    )
    assert (stay.entered_at, stay.left_at, stay.ended_at) == (T, T + 12, T + 40)
    assert (stay.caller, stay.caller_name, stay.position) == ("13800138000", "Frolova K.", 2)
    assert (stay.outcome, stay.agent, stay.agent_uniqueid) == ("answered", "Amy", "100.3")
    assert (stay.wait_s, stay.talk_s, stay.ring_s) == (12, 28, 2)
    assert [(rung.agent, rung.ring_s, rung.canceled) for rung in stay.rung] == [("PJSIP/1002", 8.0, False)]
    assert stay.lines == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("end", "outcome", "wait_s"),
    [
        ("NONE|ABANDON|1|1|7", "abandoned", 7),
        ("NONE|EXITWITHTIMEOUT|1|1|7", "timeout", 7),
        ("NONE|EXITEMPTY|1|1|7", "leave_empty", 7),
        ("NONE|EXITWITHKEY|5|1|1|7", "key_exit", 7),
        ("NONE|WITHDRAW|1|1|7|support", "withdrawn", 7),
    ],
)
def test_each_way_out_has_its_own_word(end: str, outcome: str, wait_s: float) -> None:
    stay = one(f"{T}|1.1|q|NONE|ENTERQUEUE||1|1", f"{T + 7}|1.1|q|{end}")
    assert (stay.outcome, stay.wait_s, stay.left_at) == (outcome, wait_s, T + 7)


@pytest.mark.parametrize("word", ["anonymous", "Restricted", "", "unknown"])
def test_a_withheld_number_is_none(word: str) -> None:
    assert one(f"{T}|1.1|q|NONE|ENTERQUEUE||{word}|1", f"{T + 3}|1.1|q|NONE|ABANDON|1|1|3").caller is None


def test_an_abandon_at_the_instant_of_the_answer_names_the_agent_and_stays_an_abandon() -> None:
    stay = one(f"{T}|1.1|q|NONE|ENTERQUEUE||1|1", f"{T + 3}|1.1|q|PJSIP/1001|ABANDON|1|1|3")
    assert (stay.outcome, stay.agent, stay.answered_at) == ("abandoned", "PJSIP/1001", None)


@pytest.mark.parametrize(
    ("end", "to"),
    [
        ("BLINDTRANSFER|1002|internal|5|60|1", "1002"),
        ("ATTENDEDTRANSFER|BRIDGE|ab-12|5|60|1", "BRIDGE ab-12"),
        ("ATTENDEDTRANSFER|APP|Dial|5|60|1", "APP Dial"),
        ("ATTENDEDTRANSFER|LINK|Local/1|Local/2|5|60|1", "LINK Local/1 Local/2"),
        ("TRANSFER|1002|internal|5|60|1", "1002"),
    ],
)
def test_a_transfer_takes_the_place_of_the_completion(end: str, to: str) -> None:
    stay = one(f"{T}|1.1|q|NONE|ENTERQUEUE||1|1", f"{T + 5}|1.1|q|Amy|CONNECT|5|1.2|3", f"{T + 65}|1.1|q|Amy|{end}")
    assert (stay.outcome, stay.wait_s, stay.talk_s, stay.transferred_to) == ("answered", 5, 60, to)


def test_a_start_of_asterisk_cuts_what_was_open() -> None:
    cut, later = told(
        f"{T}|1.1|q|NONE|ENTERQUEUE||1|1",
        f"{T + 5}|NONE|NONE|NONE|QUEUESTART|",
        f"{T + 9}|1.1|q|NONE|ENTERQUEUE||1|1",
        f"{T + 10}|1.1|q|NONE|ABANDON|1|1|1",
    )
    assert (cut.cut, cut.ending, later.cut, later.outcome) == (True, None, False, "abandoned")


def test_a_second_stay_in_the_same_queue_and_one_that_began_before_the_file() -> None:
    first, second = told(
        f"{T + 4}|1.1|q|Amy|COMPLETECALLER|2|30|1",
        f"{T + 5}|1.1|q|NONE|ENTERQUEUE||1|1",
    )
    assert (first.entered_at, first.answered_at, first.outcome) == (None, T - 26, "answered")
    assert (second.entered_at, second.ending, second.cut) == (T + 5, None, False)


def test_a_caller_handed_back_into_the_same_queue_has_joined_it_before_the_transfer_is_written() -> None:
    first, second = told(
        f"{T}|1.1|q|NONE|ENTERQUEUE||138|1",
        f"{T + 1}|1.1|q|Amy|CONNECT|1|1.2|0",
        f"{T + 6}|1.1|q|NONE|ENTERQUEUE||138|1",
        f"{T + 6}|1.1|q|Amy|BLINDTRANSFER|2001|internal|1|5|1",
        f"{T + 7}|1.1|q|Ben|CONNECT|1|1.3|0",
        f"{T + 9}|1.1|q|Ben|COMPLETEAGENT|1|2|1",
    )
    assert (first.entered_at, first.ending, first.talk_s, first.agent) == (T, "BLINDTRANSFER", 5, "Amy")
    assert (second.entered_at, second.ending, second.talk_s, second.agent) == (T + 6, "COMPLETEAGENT", 2, "Ben")


def test_an_end_that_asterisk_writes_twice_is_one() -> None:
    stay = one(
        f"{T}|1.1|q|NONE|ENTERQUEUE||138|1",
        f"{T}|1.1|q|PJSIP/1001|CONNECT|0|1.2|0",
        f"{T + 6}|1.1|q|PJSIP/1001|COMPLETEAGENT|0|6|1",
        f"{T + 6}|1.1|q|PJSIP/1001|ATTENDEDTRANSFER|BRIDGE|b|0|6|1",
    )
    assert (stay.ending, stay.talk_s) == ("COMPLETEAGENT", 6)


def test_a_stay_whose_end_is_never_written_does_not_swallow_the_next_one() -> None:
    first, second = told(
        f"{T}|1.1|q|NONE|ENTERQUEUE||138|1",
        f"{T + 1}|1.1|q|Amy|CONNECT|1|1.2|0",
        f"{T + 6}|1.1|q|NONE|ENTERQUEUE||138|1",
        f"{T + 9}|1.1|q|NONE|ABANDON|1|1|3",
    )
    assert (first.entered_at, first.ending, first.agent) == (T, None, "Amy")
    assert (second.entered_at, second.ending) == (T + 6, "ABANDON")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"{T}|1.1|q|NONE", "4 columns"),
        ("yesterday|1.1|q|NONE|ABANDON|1|1|1", "the first column is no time"),
        (f"{T}|1.1|q|NONE|ABANDON|1", "ABANDON has 1 values, 3 are needed"),
        (f"{T}|1.1|q|NONE|drop table|1", "no event name"),
        ("", "1 columns"),
    ],
)
def test_half_and_bad_lines_are_named(line: str, why: str) -> None:
    read = read_line(line)
    assert isinstance(read, BadLine)
    assert why in read.why


def test_times_of_a_table_are_read_in_the_zone_asked_for() -> None:
    line = read_line("2026-11-22 08:30:00.250000|1.1|q|NONE|ENTERQUEUE||1|1", ZoneInfo("Asia/Shanghai"))
    assert isinstance(line, Line)
    assert line.at == 1795307400.25


@given(st.text())
def test_no_line_breaks_the_reader(text: str) -> None:
    read = read_line(text)
    if isinstance(read, Line):
        list(stays([(1, read)]))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1.1", "1.2", "NONE"]),
            st.sampled_from(["q", "r"]),
            st.sampled_from(
                ["ENTERQUEUE||1|1", "CONNECT|1|2.2|1", "COMPLETEAGENT|1|1|1", "ABANDON|1|1|1", "RINGNOANSWER|1000",
                 "QUEUESTART", "BLINDTRANSFER|1|x|1|1|1"]
            ),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_each_line_of_a_call_belongs_to_one_stay(rows: list[tuple[str, str, str]]) -> None:
    texts = [f"{T + n}|{callid}|{queue}|NONE|{event}" for n, (callid, queue, event) in enumerate(rows)]
    lines = [(n, read_line(text)) for n, text in enumerate(texts)]
    good = [(n, line) for n, line in lines if isinstance(line, Line)]
    whole = list(stays(good))
    found = sorted(number for stay in whole for number in stay.lines)
    assert found == [number for number, line in good if line.of_call]
