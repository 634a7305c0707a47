"""Each difference between ledger and queue_log has its reason; what has none is unexplained."""

from __future__ import annotations

import pytest
from msgspec import structs

from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.reports.against_cel import weighed
from crm.reports.against_queue_log import Span, compare
from crm.reports.ledger_calls import LedgerCall, Seen
from crm.rules.queue_log import Line, Stay, read_line, stays

T = 1795306000.0
SEEN = Seen(T - 3600, [])
SPAN = Span(T - 100, T + 1000, T - 100, T + 1000)
SEAT = "PJSIP/1001"


def told(*texts: str) -> list[Stay]:
    lines = [(number, read_line(text)) for number, text in enumerate(texts, 1)]
    return list(stays((number, line) for number, line in lines if isinstance(line, Line)))


def at(seconds: float, rest: str) -> str:
    return f"{int(T + seconds)}|1.1|q|{rest}"


def call(
    outcome: str = "answered",
    *,
    wait_s: float = 10.0,
    talk_s: float | None = 20.0,
    seat: str = SEAT,
    entered: float = 0.4,
) -> LedgerCall:
    """One caller who entered a queue, and talked when `talk_s` is said."""
    begin = T + entered
    row = Conversation("c", "n", "1.1", "inbound", begin, ended_at=begin + 60, outcome="answered")
    found = LedgerCall(row, waits=[Wait("w", "c", "n", "q", "1.1", begin, left_at=begin + wait_s, outcome=outcome)])
    if talk_s is not None:
        start = begin + wait_s
        found.offers.append(Offer("o", "c", "w", "n", "q", seat, start - 2, start, "answered"))
        found.segments.append(Segment("s", "c", "n", "q", seat, "1.1", start, "1.2", ended_at=start + talk_s))
    return found


JOIN = at(0, "NONE|ENTERQUEUE||138|1")


def reasons(ledger: list[LedgerCall], lines: list[str], seen: Seen = SEEN, span: Span = SPAN) -> list[tuple[str, str]]:
    return [(each.what, each.reason) for each in compare(ledger, told(*lines), seen, span)]


def answered(talk_s: int = 20, agent: str = SEAT, end: str = "COMPLETEAGENT|10|{}|1", wait_s: int = 10) -> list[str]:
    connect = at(wait_s, f"{agent}|CONNECT|{wait_s}|1.2|2")
    return [JOIN, connect, at(wait_s + talk_s, f"{agent}|{end.format(talk_s)}")]


def test_the_same_call_told_twice_is_no_difference() -> None:
    assert reasons([call()], answered()) == []


def test_one_second_of_rounding_is_explained() -> None:
    assert reasons([call(talk_s=20.7)], answered(20)) == [("talk_s", "whole_seconds")]


def test_two_seconds_are_not() -> None:
    assert reasons([call(talk_s=22.0)], answered(20)) == [("talk_s", "unexplained")]


def test_queue_log_does_not_see_transfers_of_local_members() -> None:
    local = "Local/71@agents/n"
    ledger = call(talk_s=120.0, seat=local)
    ledger.segments.append(Segment("s2", "c", "n", None, "PJSIP/1002", "1.1", T + 131, ended_at=T + 3731))
    ledger.transfers.append(Transfer("t", "c", "n", "blind", local, "1002", T + 130, "success"))
    found = reasons([ledger], answered(3720, agent=local))
    assert found == [("talk_s", "queue_log_blind_to_local_transfers")]


def test_an_agent_who_consults_is_credited_with_the_consult() -> None:
    ledger = call(talk_s=5.0)
    ledger.transfers.append(Transfer("t", "c", "n", "attended", SEAT, "1002", T + 40, "success"))
    lines = answered(30, end="ATTENDEDTRANSFER|BRIDGE|b|10|{}|1")
    assert reasons([ledger], lines) == [("talk_s", "transfer_away_counted_as_talk")]


def test_the_agent_column_may_hold_a_members_name() -> None:
    assert reasons([call()], answered(agent="Frolova K.")) == [("agent", "member_name")]


def test_another_device_is_no_mere_name() -> None:
    assert reasons([call()], answered(agent="PJSIP/1009")) == [("agent", "unexplained")]


def test_an_abandon_at_the_instant_of_the_answer() -> None:
    lines = [JOIN, at(10, f"{SEAT}|ABANDON|1|1|10")]
    assert ("outcome", "abandoned_at_answer") in reasons([call(talk_s=0.1)], lines)


def test_an_answer_that_nobody_heard() -> None:
    lines = [JOIN, at(10, f"{SEAT}|CONNECT|10|1.2|2"), at(10, f"{SEAT}|COMPLETECALLER|10|0|1")]
    ledger = call("abandoned", talk_s=None)
    assert reasons([ledger], lines) == [("outcome", "answered_never_met"), ("agent", "answered_never_met")]


@pytest.mark.parametrize("outcome", ["full", "join_empty"])
def test_a_caller_who_was_not_let_in_leaves_no_line(outcome: str) -> None:
    assert reasons([call(outcome, talk_s=None)], []) == [("wait", "join_failed_unlogged")]


def test_a_wait_without_a_line_is_unexplained_inside_the_file_only() -> None:
    lone = call("timeout", talk_s=None)
    assert reasons([lone], []) == [("wait", "unexplained")]
    assert reasons([lone], [], span=Span(T - 100, T + 1000, T + 5, T + 1000)) == [("wait", "started_before_window")]
    assert reasons([lone], [], span=Span(T - 100, T + 1000, T - 100, T - 5)) == [("wait", "ended_after_window")]


def test_a_call_without_a_wait_is_explained_only_when_nobody_looked() -> None:
    assert reasons([], answered()) == [("wait", "unexplained")]
    assert reasons([], answered(), Seen(None, [])) == [("wait", "before_first_sight")]
    assert reasons([], answered(), Seen(T + 60, [])) == [("wait", "before_first_sight")]
    assert reasons([], answered(), Seen(T - 60, [(T + 5, T + 9)])) == [("wait", "blind_window")]
    assert reasons([], answered(), Seen(T - 60, [(T + 5, None)])) == [("wait", "blind_window")]
    assert reasons([], answered(), Seen(T - 60, [(T + 90, T + 95)])) == [("wait", "unexplained")]


def test_what_was_lost_from_sight_or_reconstructed_says_so() -> None:
    assert reasons([call("lost_sight", talk_s=None)], [JOIN, at(10, "NONE|ABANDON|1|1|10")]) == [
        ("outcome", "lost_sight")
    ]
    ledger = call(talk_s=21.8)
    ledger.segments[0].reconstructed = True
    assert reasons([ledger], answered()) == [("talk_s", "reconstructed")]
    ledger = call(talk_s=25.0)
    ledger.segments[0].reconstructed = True
    assert reasons([ledger], answered()) == [("talk_s", "unexplained")]
    ledger.row.reconstructed = True
    assert reasons([ledger], answered(), Seen(T + 5, [])) == [("talk_s", "reconstructed")]


def test_asterisk_wrote_no_end_because_it_stopped() -> None:
    lines = [JOIN, f"{int(T + 5)}|NONE|NONE|NONE|QUEUESTART|"]
    assert reasons([call("abandoned", talk_s=None)], lines) == [("outcome", "asterisk_stopped")]


@pytest.mark.parametrize(
    ("offer", "rings", "found"),
    [
        ("no_answer", ["RINGNOANSWER|15000"], []),
        ("rejected", ["RINGNOANSWER|1000", "RINGNOANSWER|0"], [("rings missed PJSIP/1002", "ring_not_placed")]),
        ("caller_left", ["RINGNOANSWER|5000"], [("rings missed PJSIP/1002", "ring_canceled_unlogged")]),
        ("no_answer", [], [("rings missed PJSIP/1002", "unexplained")]),
    ],
)
def test_rings_are_counted_on_both_sides(offer: str, rings: list[str], found: list[tuple[str, str]]) -> None:
    ledger = call("abandoned", talk_s=None)
    ledger.offers.append(Offer("o", "c", "w", "n", "q", "PJSIP/1002", T + 2, T + 9, offer))
    lines = [JOIN, *(at(9, f"PJSIP/1002|{ring}") for ring in rings), at(10, "NONE|ABANDON|1|1|10")]
    assert reasons([ledger], lines) == found


def test_two_stays_of_one_caller_are_not_mixed_up() -> None:
    first, second = call("timeout", talk_s=None), call("abandoned", talk_s=None, entered=30.4)
    first.waits += second.waits
    lines = [
        JOIN, at(10, "NONE|EXITWITHTIMEOUT|1|1|10"), at(30, "NONE|ENTERQUEUE||138|1"), at(40, "NONE|ABANDON|1|1|10"),
    ]  # fmt: skip
    assert reasons([first], lines) == []


def test_a_call_that_a_colleague_picked_up_is_credited_to_the_member_that_rang() -> None:
    ledger = call()
    ledger.offers.append(Offer("o2", "c", "w", "n", "q", "PJSIP/1002", T + 5, T + 10, "taken_elsewhere"))
    assert reasons([ledger], answered(agent="PJSIP/1002")) == [("talk_s", "taken_by_another_phone")]


def test_where_cel_holds_with_the_ledger_the_files_disagree() -> None:
    found = list(compare([call(talk_s=25.0)], told(*answered()), SEEN, SPAN))
    assert [each.reason for each in weighed(found)] == ["files_disagree"]
    doubted = structs.replace(found[0], source="cel", what="talk of PJSIP/1001")
    assert [each.reason for each in weighed([*found, doubted])] == ["unexplained", "unexplained"]
    lone = list(compare([call("timeout", talk_s=None)], told(*answered()), SEEN, SPAN))
    assert {each.reason for each in weighed(lone) if each.what == "outcome"} == {"unexplained"}
