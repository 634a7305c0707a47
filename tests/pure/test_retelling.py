"""Lines of Asterisk's own files become the rows that live sight would have given, and never overwrite what was seen."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kept_files import FileCall, T, cel
from msgspec.structs import asdict, replace

from ami_bridge.backfill.merging import Found, Work, merge
from ami_bridge.backfill.retelling import Story, retell
from ami_bridge.backfill.telling import told
from crm.ledger import ids
from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.ledger.sight import BlindWindow
from crm.rules.cel import CelEvent, read_record
from crm.rules.queue_log import Line, read_line

SEAT = "PJSIP/1001"
WINDOW = BlindWindow("n", T - 10, "a cut", T + 100)


def stories(calls: list[FileCall], *more_log: str) -> list[Story]:
    events = [event for call in calls for text in call.cel if isinstance(event := read_record(text), CelEvent)]
    lines = [
        line for text in chain(*(call.log for call in calls), more_log) if isinstance(line := read_line(text), Line)
    ]
    told_events, seats = told(sorted(events, key=lambda event: event.at), lines, [SEAT])
    return retell("n", told_events, seats)


def found_of(story: Story, **changes: Any) -> Found:
    """A ledger that holds the story as live sight would have left it."""
    rows: dict[type[Any], list[Any]] = {kind: [] for kind in (Conversation, Wait, Offer, Segment, Transfer)}
    for row in story.rows:
        rows[type(row)].append(replace(row))  # type: ignore[type-var]
    for name, value in changes.items():
        setattr(rows[Conversation][0], name, value)
    return Found.of(rows)


def test_an_answered_call_is_told_whole() -> None:
    (story,) = stories([FileCall().arrives().rings().answered()])
    call, (wait,), (offer,), (segment,) = story.call, story.waits, story.offers, story.segments
    assert (call.direction, call.caller, call.caller_name, call.dialled) == ("inbound", "13800138000", "王芳", "95000")
    assert (call.outcome, call.ended_by, call.hangup_cause) == ("answered", "agent", 16)
    assert call.id == ids.conversation_id("n", "17.1")
    assert (wait.queue, wait.outcome, wait.entered_at, wait.position) == ("support", "answered", T + 1.25, 1)
    assert wait.left_at == pytest.approx(T + 4.01)
    assert (offer.seat, offer.outcome, offer.started_at, offer.queue) == (SEAT, "answered", T + 1.5, "support")
    assert (segment.seat, segment.started_at, segment.ended_at) == (SEAT, T + 4.01, T + 34)
    assert segment.id == ids.segment_id("n", call.id, SEAT, 0)


def test_a_caller_who_gives_up_while_a_seat_rings_is_not_the_seats_fault() -> None:
    call = FileCall().arrives().rings()
    call._hangs_up(8.999, "PJSIP/1001-00000002", call.agent, "", 16)
    (story,) = stories([call.gives_up()])
    assert (story.call.outcome, story.call.ended_by) == ("abandoned", "caller")
    assert [wait.outcome for wait in story.waits] == ["abandoned"]
    assert [offer.outcome for offer in story.offers] == ["caller_left"]


@pytest.mark.parametrize(
    ("event", "data", "outcome"),
    [
        ("EXITWITHTIMEOUT", ("1", "1", "8"), "timeout"),
        ("EXITEMPTY", ("1", "1", "8"), "leave_empty"),
        ("WITHDRAW", ("1", "1", "8", "support"), "withdrawn"),
        ("EXITWITHKEY", ("1", "1", "1", "8"), "key_exit"),
    ],
)
def test_each_way_out_of_a_queue_keeps_its_name(event: str, data: tuple[str, ...], outcome: str) -> None:
    call = FileCall().arrives()
    call._queue(9.0, "NONE", event, *data)
    (story,) = stories([call._leaves(9.0, "dialplan/builtin")])
    assert [(wait.outcome, round(wait.left_at or 0, 3)) for wait in story.waits] == [(outcome, T + 9)]
    assert (story.call.outcome, story.call.ended_by) == ("no_answer", "system")


def test_a_queue_that_took_nobody_is_no_wait_of_any_length() -> None:
    call = FileCall().arrives()
    call.log.clear()
    (story,) = stories([call._leaves(1.26, "dialplan/builtin")])
    assert [wait.outcome for wait in story.waits] == ["join_empty"]


def test_calls_that_a_restart_of_asterisk_ended_are_lost_from_sight() -> None:
    (story,) = stories([FileCall().arrives().rings()], f"{T + 60:.0f}|NONE|NONE|NONE|QUEUESTART|")
    assert (story.call.outcome, story.call.ended_at) == ("lost_sight", T + 1.5)
    assert [wait.outcome for wait in story.waits] == ["lost_sight"]


def test_an_unseen_call_is_added_whole_and_marked() -> None:
    (story,) = stories([FileCall().arrives().rings().answered()])
    work = merge(story, Found(), [WINDOW])
    assert [type(row).__name__ for row in work.add] == ["Conversation", "Wait", "Offer", "Segment"]
    assert all(row.reconstructed for row in work.add)  # type: ignore[attr-defined]
    assert not work.change


def test_a_call_from_outside_of_every_window_is_left_alone() -> None:
    (story,) = stories([FileCall().arrives().gives_up()])
    assert not len(merge(story, Found(), [BlindWindow("n", T - 90, "", T - 50), BlindWindow("n", T + 50, "", T + 90)]))


def test_what_was_seen_live_is_never_overwritten() -> None:
    (story,) = stories([FileCall().arrives().rings().answered()])
    found = found_of(story, outcome="answered", ended_by="caller", caller="10086")
    found.waits[story.call.id][0].outcome = "abandoned"
    found.offers[story.call.id][0].outcome = "no_answer"
    found.segments[story.call.id][0].started_at += 0.2
    assert not len(merge(story, found, [WINDOW]))


def test_a_call_that_goes_on_is_left_for_later() -> None:
    (story,) = stories([FileCall().arrives().rings().answered()])
    work = merge(story, found_of(story, ended_at=None, outcome=None), [WINDOW])
    assert work.pending
    assert not len(work)


def test_an_end_that_was_lost_from_sight_becomes_the_true_one() -> None:
    (story,) = stories([FileCall().arrives().rings().answered()])
    lost_at = T + 10
    found = found_of(story, outcome="lost_sight", ended_by="unknown", hangup_cause=None, ended_at=lost_at)
    found.segments[story.call.id][0].ended_at = lost_at
    window = BlindWindow("n", lost_at, "a cut", T + 100)
    work = merge(story, found, [window])
    assert not work.add
    changed = {type(row): row for row in work.change}
    assert asdict(changed[Conversation]) == {**asdict(story.call), "reconstructed": True}  # type: ignore[type-var]
    assert asdict(changed[Segment]) == {**asdict(story.segments[0]), "reconstructed": True}  # type: ignore[type-var]


def test_a_wait_and_a_ring_lost_from_sight_get_their_ends() -> None:
    (story,) = stories([FileCall().arrives().rings().answered()])
    lost_at = T + 2
    found = found_of(story)
    del found.segments[story.call.id]
    found.waits[story.call.id][0].outcome, found.waits[story.call.id][0].left_at = "lost_sight", lost_at
    found.waits[story.call.id][0].id = ids.wait_id("n", "17.1", "support", T + 1.2512)
    found.offers[story.call.id][0].outcome, found.offers[story.call.id][0].ended_at = "lost_sight", lost_at
    work = merge(story, found, [BlindWindow("n", lost_at, "a cut", T + 100)])
    assert [type(row) for row in work.add] == [Segment]
    outcomes = {type(row): row.outcome for row in work.change if isinstance(row, Wait | Offer)}
    assert outcomes == {Wait: "answered", Offer: "answered"}


def test_a_talk_found_going_on_began_when_the_files_say() -> None:
    (story,) = stories([FileCall().arrives().rings().answered()])
    found = found_of(story, reconstructed=True, started_at=T)
    found.waits.clear()
    found.offers.clear()
    guessed = found.segments[story.call.id][0]
    guessed.started_at, guessed.reconstructed = T + 20, True
    work = merge(story, found, [BlindWindow("n", T - 10, "a cut", T + 20)])
    assert sorted(type(row).__name__ for row in work.add) == ["Offer", "Wait"]
    (segment,) = [row for row in work.change if isinstance(row, Segment)]
    assert (segment.started_at, segment.ended_at, segment.id) == (T + 4.01, T + 34, guessed.id)


def applied(found: Found, work: Work) -> Found:
    """The ledger after `work`, as the statements would leave it."""
    rows: dict[type[Any], dict[str, Any]] = {kind: {} for kind in (Conversation, Wait, Offer, Segment, Transfer)}
    kept = [found.calls.values(), *(chain(*of.values()) for of in (found.waits, found.offers, found.segments))]
    for row in chain(*kept):
        rows[type(row)][row.id] = row
    for row in work.add:
        rows[type(row)].setdefault(row.id, row)  # type: ignore[attr-defined]
    for row in work.change:
        rows[type(row)][row.id] = row  # type: ignore[attr-defined]
    return Found.of({kind: list(of.values()) for kind, of in rows.items()})


@given(
    lost_after=st.floats(-5, 40),
    blind_s=st.floats(0, 60),
    known=st.sets(st.sampled_from(["wait", "offer", "segment"])),
    outcome=st.sampled_from(["answered", "lost_sight", "abandoned"]),
    guessed=st.booleans(),
)
def test_doing_it_twice_changes_nothing(
    lost_after: float, blind_s: float, known: set[str], outcome: str, guessed: bool
) -> None:
    (story,) = stories([FileCall().arrives().rings().answered()])
    found = found_of(story, outcome=outcome, ended_at=T + lost_after, reconstructed=guessed)
    for name, children in (("wait", found.waits), ("offer", found.offers), ("segment", found.segments)):
        if name not in known:
            children.clear()
            continue
        (row,) = children[story.call.id]  # type: ignore[attr-defined]
        row.reconstructed = guessed
        if outcome == "lost_sight":
            setattr(row, "left_at" if name == "wait" else "ended_at", T + lost_after)
            if name != "segment":
                row.outcome = "lost_sight"
    windows = [BlindWindow("n", T + lost_after, "a cut", T + lost_after + blind_s)]
    work = merge(story, found, windows)
    again = merge(story, applied(found, work), windows)
    assert (again.add, again.change) == ([], [])


@given(st.lists(st.binary(max_size=80), max_size=10), st.randoms(use_true_random=False))
def test_no_line_can_break_it(noise: list[bytes], random: Any) -> None:
    call = FileCall().arrives().rings().answered()
    records, lines = list(call.cel), list(call.log)
    random.shuffle(lines)
    cut = records[random.randrange(len(records))]
    texts = [*records, cut[: random.randrange(len(cut))], *(each.decode("utf-8", "replace") for each in noise)]
    random.shuffle(texts)
    events = [event for text in texts if isinstance(event := read_record(text), CelEvent)]
    log = [line for text in [*lines, *texts] if isinstance(line := read_line(text), Line)]
    retell("n", *told(events, log, [SEAT]))


def test_a_call_between_seats_and_a_click_to_dial_are_told() -> None:
    dial = {"exten": "1002", "context": "from-seat", "app": "Dial", "data": "PJSIP/1002,30,tT", "number": "1001"}
    bridge = {"bridge_id": "b", "bridge_technology": "simple_bridge"}
    rung = {"app": "AppDial", "data": "(Outgoing Line)", "context": "from-seat"}
    one, two = ("PJSIP/1001-00000001", "17.1", "17.1"), ("PJSIP/1002-00000002", "17.2", "17.1")
    hung = {"hangupcause": 16, "hangupsource": two[0], "dialstatus": ""}
    records = [
        cel("CHAN_START", T, *one, exten="1002", context="from-seat", number="1001"),
        cel("APP_START", T + 0.1, *one, **dial),
        cel("CHAN_START", T + 0.2, *two, context="from-seat"),
        cel("ANSWER", T + 2, *two, **rung),
        cel("BRIDGE_ENTER", T + 2.01, *two, extra=bridge),
        cel("BRIDGE_ENTER", T + 2.01, *one, extra=bridge),
        cel("BRIDGE_EXIT", T + 12, *two, extra=bridge),
        cel("HANGUP", T + 12.001, *two, **{**rung, "extra": hung}),
        cel("BRIDGE_EXIT", T + 12.002, *one, extra=bridge),
        cel("HANGUP", T + 12.003, *one, extra={**hung, "hangupsource": ""}),
    ]
    events = [event for text in records if isinstance(event := read_record(text), CelEvent)]
    (story,) = retell("n", *told(events, [], []))
    assert (story.call.direction, story.call.dialled, story.call.outcome) == ("internal", "1002", "answered")
    assert [(offer.seat, offer.outcome) for offer in story.offers] == [("PJSIP/1002", "answered")]
    assert [(each.seat, each.started_at, each.ended_at) for each in story.segments] == [
        ("PJSIP/1002", T + 2.01, T + 12)
    ]
