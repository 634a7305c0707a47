"""Between a queue's talk and after-call work: the seat is never ready, whatever comes first, and not for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import permutations, product

import msgspec
import pytest
from ami_stream import T0, TRACES, Leg, Room, block, caller, recorded, seat_leg
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge import changes
from ami_bridge.actions import begin_after_call_work
from ami_bridge.batch import Pending
from ami_bridge.bridge import followed
from ami_bridge.floor.seats import DUE_S
from ami_bridge.inbox import Heard
from ami_bridge.watch import Watch
from crm.ledger.conversations import Conversation
from crm.ledger.postures import Posture

SEAT = "PJSIP/1001"
MEMBER = {"Interface": SEAT, "Penalty": 0, "Paused": 0, "LoginTime": int(T0) - 50}
QUEUES = ("support", "vip")
LINE, PHONE = caller(), seat_leg("1001", "1.2", "1.1")

Step = Callable[[Room, float], object]


def talking(*, queue: str | None = "support", pausing: bool = True) -> Room:
    """A seat of two queues talks with a caller, whom `queue` gave to it; T0 + 5."""
    room = Room()
    room.floor.facts.after_call_work = pausing
    for each in QUEUES:
        room.says("QueueMemberAdded", Queue=each, **MEMBER, Status=1, at=0)
    room.says("Newchannel", LINE, ChannelState=4, at=1)
    if queue is not None:
        room.says("QueueCallerJoin", LINE, Queue=queue, Position=1, Count=1, at=1)
    room.says("Newchannel", PHONE, ChannelState=0, at=2)
    if queue is not None:
        room.says("AgentCalled", LINE, PHONE, Queue=queue, MemberName="1001", Interface=SEAT, at=2)
    room.says("DialBegin", LINE, PHONE, at=2)
    room.says("DialEnd", LINE, PHONE, DialStatus="ANSWER", at=3)
    if queue is not None:
        room.says("QueueCallerLeave", LINE, Queue=queue, Position=1, Count=0, at=3)
        room.says("AgentConnect", LINE, PHONE, Queue=queue, Interface=SEAT, RingTime=1, HoldTime=2, at=3)
    device(room, "INUSE", 3)
    for leg in (PHONE, LINE):
        room.says("BridgeEnter", leg, BridgeUniqueid="b", BridgeType="basic", at=3)
    assert room.words() == {SEAT: "talking"}
    return room


def device(room: Room, state: str, at: float) -> None:
    room.says("DeviceStateChange", Device=SEAT, State=state, at=at)


def completes(room: Room, at: float) -> None:
    told = {"HoldTime": 2, "TalkTime": 2, "Reason": "agent"}
    room.says("AgentComplete", LINE, PHONE, Queue="support", Interface=SEAT, **told, at=at)


def hangs_up(room: Room, at: float) -> None:
    for leg in (PHONE, LINE):
        room.says("BridgeLeave", leg, BridgeUniqueid="b", BridgeType="basic", at=at)
        room.says("Hangup", leg, Cause=16, at=at)


def is_free(room: Room, at: float) -> None:
    device(room, "NOT_INUSE", at)


def pause(room: Room, at: float, paused: int = 1, queues: Iterable[str] = QUEUES) -> None:
    for queue in queues:
        row = {**MEMBER, "Paused": paused, "PausedReason": "ACW" if paused else "", "Status": 1}
        room.says("QueueMemberPause", Queue=queue, **row, LastPause=int(T0 + at), at=at)


# Nobody pauses before the queue is done.
ORDERS = [
    order
    for order in permutations((completes, hangs_up, is_free, pause))
    if order.index(completes) < order.index(pause)
]


def words_after(room: Room, *steps: Step, begin: float = 5.0) -> list[str]:
    """The postures one after another, looked at after every event."""
    seen = ["talking"]
    whole = room._note

    def note(found: list[changes.Change]) -> list[changes.Change]:
        noted = whole(found)
        word = room.words()[SEAT]
        if word != seen[-1]:
            seen.append(word)
        return noted

    room._note = note  # type: ignore[method-assign]
    for number, step in enumerate(steps):
        step(room, begin + number / 1000)
    return seen


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(step.__name__ for step in order))
def test_in_whatever_order_its_end_is_told_the_seat_goes_from_the_talk_to_after_call_work(
    order: tuple[Step, ...],
) -> None:
    room = talking()
    assert words_after(room, *order) == ["talking", "wrapping_up"]
    room.wait(10)
    assert room.words() == {SEAT: "wrapping_up"}
    posture = room.one(Posture)
    assert posture.conversation_id == room.one(Conversation).id
    assert (posture.paused, posture.pause_reason) == (True, "ACW")
    assert posture.since <= T0 + 5.003, "it began with the end of the talk"


def test_where_nobody_begins_after_call_work_the_seat_is_ready_at_once() -> None:
    assert words_after(talking(pausing=False), completes, hangs_up, is_free) == ["talking", "ready"]


def test_after_a_call_of_no_queue_nothing_is_due() -> None:
    room = talking(queue=None)
    assert words_after(room, hangs_up, is_free) == ["talking", "ready"]


def test_a_pause_confirmed_in_one_of_two_queues_is_not_yet_the_end_of_it() -> None:
    room = talking()
    words = words_after(room, completes, hangs_up, is_free, lambda room, at: pause(room, at, queues=["vip"]))
    assert words == ["talking", "wrapping_up"]
    row = {**MEMBER, "Paused": 1, "PausedReason": "ACW"}
    room.says("QueueMemberStatus", Queue="vip", **row, Status=1, at=5.1)
    assert room.words() == {SEAT: "wrapping_up"}


def test_a_pause_that_asterisk_refuses_makes_the_seat_ready_at_once() -> None:
    room = talking()
    words_after(room, completes, hangs_up, is_free)
    room._note(room.floor.pause_refused(SEAT, T0 + 5.01))
    assert room.words() == {SEAT: "ready"}
    room.wait(10)
    assert room.words() == {SEAT: "ready"}
    assert room.floor.pause_refused("PJSIP/nobody", T0) == []


def test_a_refusal_before_the_phone_is_down_is_remembered() -> None:
    room = talking()
    completes(room, 5)
    room._note(room.floor.pause_refused(SEAT, T0 + 5))
    hangs_up(room, 5.001)
    room.wait(0.3)
    assert words_after(room, is_free, begin=5.4) == ["talking", "ready"]


def test_a_pause_that_asterisk_never_answers_does_not_hide_the_seat_for_long() -> None:
    room = talking()
    words_after(room, completes, hangs_up, is_free)
    room.wait(DUE_S - 0.1)
    assert room.words() == {SEAT: "wrapping_up"}
    room.wait(0.2)
    assert room.words() == {SEAT: "ready"}
    assert room.one(Posture).since == T0 + 5 + DUE_S


@given(st.lists(st.floats(0.01, 4), max_size=6))
def test_looking_often_or_seldom_writes_the_same(looks: list[float]) -> None:
    room = talking()
    for step in (completes, hangs_up, is_free):
        step(room, 5)
    for at in sorted(looks):
        room.now = T0 + 5 + at
        room._note(room.floor.tick(room.now))
    room.says("QueueMemberPenalty", Queue="vip", **MEMBER, Status=1, at=12)
    posture = room.one(Posture)
    assert (posture.word, posture.since) == ("ready", T0 + 5 + DUE_S)


def test_who_finishes_at_once_is_ready_at_once() -> None:
    room = talking()
    words = words_after(room, completes, pause, lambda room, at: pause(room, at, 0), hangs_up, is_free)
    assert words == ["talking", "ready"] or words == ["talking", "wrapping_up", "ready"]
    pause(room, 5.5)
    pause(room, 5.6, 0)
    assert room.words() == {SEAT: "ready"}


def test_who_asked_for_lunch_in_the_talk_is_at_lunch_after_the_work_that_follows_it() -> None:
    room = talking()
    for queue in QUEUES:
        row = {**MEMBER, "Paused": 1, "PausedReason": "Lunch", "Status": 2}
        room.says("QueueMemberPause", Queue=queue, **row, LastPause=int(T0 + 4), at=4)
    assert words_after(room, completes, hangs_up, is_free) == ["talking", "wrapping_up"]
    room.wait(DUE_S + 0.1)
    assert room.words() == {SEAT: "paused"}


def test_the_next_call_rings_over_a_pause_that_is_due() -> None:
    room = talking()
    words_after(room, completes, hangs_up, is_free)
    second, phone = caller("2.1"), seat_leg("1001", "2.2", "2.1")
    room.says("Newchannel", second, ChannelState=4, at=5.5)
    room.says("Newchannel", phone, ChannelState=0, at=5.5)
    room.says("AgentCalled", second, phone, Queue="support", Interface=SEAT, at=5.5)
    assert room.words() == {SEAT: "ringing"}


@pytest.mark.parametrize("version", ["16", "22"])
def test_a_recorded_call_goes_from_the_talk_to_after_call_work(version: str) -> None:
    room = Room()
    room.floor.facts.after_call_work = True
    seen: list[str] = []
    for event in recorded(f"after_call_work.{version}.ami"):
        room.hears(event)
        word = room.words().get(SEAT)
        seen += [word] if word is not None and seen[-1:] != [word] else []
    assert seen[seen.index("talking") :][:3] == ["talking", "wrapping_up", "ready"]


def _played(data: bytes, size: int) -> tuple[object, ...]:
    pending, frames = Pending("n"), followed()
    watch = Watch("n", pending, after_call_work=True)
    for at in range(0, len(data), size):
        watch.take_recorded(frames.feed(data[at : at + size]))
    watch.end_recorded()
    rows = [(statement.table, rows) for statement, rows in pending.seal().rows]
    return (*rows, [msgspec.to_builtins(seat.row) for seat in watch.floor.facts.seats.values()])


@pytest.mark.parametrize(("name", "version"), list(product(("queue_agent_ends", "after_call_work"), ("16", "22"))))
def test_any_chunking_of_a_stream_gives_the_same_rows(name: str, version: str) -> None:
    data = (TRACES / f"{name}.{version}.ami").read_bytes()
    assert _played(data, 97) == _played(data, 4096) == _played(data, len(data))


def test_a_pause_that_cannot_leave_is_refused_in_the_same_breath() -> None:
    """The reaction to CallHandled says so while the change is still being taken in."""
    pending = Pending("n")
    watch = Watch("n", pending, after_call_work=True)

    def react(change: changes.Change, now: float) -> list[object]:
        assert isinstance(change, changes.CallHandled)
        row, _ = begin_after_call_work(change, "n", now, 10)
        watch.pause_refused(change.seat, now)
        return [row]

    watch.reactions = {changes.CallHandled: react}  # type: ignore[dict-item]
    added = block("QueueMemberAdded", at=0, Queue="support", **MEMBER, Status=1)
    done = block("AgentComplete", at=5, **_group(LINE), **_group(PHONE, "Dest"), Queue="support", Interface=SEAT)
    watch.take(Heard(T0, [added, done], 1))
    (posture,) = [seat.row for seat in watch.floor.facts.seats.values()]
    assert posture is not None
    assert posture.word == "ready"


def _group(leg: Leg, prefix: str = "") -> dict[str, object]:
    return dict(leg.headers(prefix))
