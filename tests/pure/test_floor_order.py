"""Attached late, told twice, told in another order, told among others: the same rows, or none, and never a crash."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest
from ami_stream import TRACES, Room, played, recorded
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge.events import Event

NAMES = sorted(path.name for path in TRACES.glob("*.ami"))
SOME = 7
STREAMS = {name: recorded(name) for name in NAMES}


def timed(name: str) -> list[Event]:
    """Without the lists at its ends, whose rows carry no time."""
    return [event for event in STREAMS[name] if event.at is not None]


def jostled(stream: list[Event], dice: random.Random, most_s: float = 0.05) -> list[Event]:
    """Each event up to 50 ms late; the order within a channel and a device is kept, as Asterisk keeps it."""
    latest: dict[str, float] = {}
    due: list[tuple[float, int, Event]] = []
    for number, event in enumerate(stream):
        keys = list(_of(event))
        when = max([event.at or 0.0, *(latest.get(key, 0.0) for key in keys)])
        when = max(when, (event.at or 0.0) + dice.uniform(0, most_s))
        latest.update(dict.fromkeys(keys, when))
        due.append((when, number, event))
    return [event for _, _, event in sorted(due, key=lambda each: each[:2])]


def _of(event: Event) -> Iterator[str]:
    for name in event.__struct_fields__:
        if name.endswith("uniqueid") or name in ("interface", "device", "bridge"):
            value = getattr(event, name)
            if value is not None:
                yield value


@pytest.mark.parametrize("name", NAMES)
def test_any_beginning_may_be_missing(name: str) -> None:
    """Attached in the middle of the call: no crash, and the look at the end leaves nothing on the floor. One beginning
    of seven here, all of them in tests/traces/prove_floor.py."""
    stream = STREAMS[name]
    for missing in range(1 + len(name) % SOME, len(stream), SOME):
        room = played(stream[missing:])
        assert room.floor.empty, missing


@pytest.mark.parametrize("name", NAMES)
def test_told_twice_changes_nothing(name: str) -> None:
    stream = STREAMS[name]
    once = played(stream).ledger()
    assert played([event for event in stream for _ in (1, 2)]).ledger() == once
    assert played([*stream, *stream]).ledger() == once


@pytest.mark.parametrize("name", NAMES)
def test_jostled_within_50_ms_gives_the_same_rows(name: str) -> None:
    stream = timed(name)
    ordered = played(stream).ledger()
    for seed in range(4):
        room = played(jostled(stream, random.Random(seed)))
        assert _without_order(room.ledger()) == _without_order(ordered), seed
        assert room.floor.empty


def _without_order(ledger: dict[tuple[str, ...], dict[str, object]]) -> dict[tuple[str, ...], dict[str, object]]:
    """Which of a Local seat's legs was seen first depends on the order; nobody reads it as more than a hint. So does
    whether a phone of no queue rang before it said that it was busy: its device is known from its first channel on."""
    told = {key: {name: row[name] for name in row if name != "seat_uniqueid"} for key, row in ledger.items()}
    for row in told.values():
        if row.get("outcome") == "busy" and row.get("wait_id", "") is None:
            row["outcome"] = "rejected"
    return told


def test_calls_among_each_other_are_told_apart() -> None:
    """All traces of one version at once, as calls of one busy minute. Each had its own Asterisk, so ids are renamed.

    In asks_in_vain a seat is away from its caller for a quarter of a second, as long as a talk may part: whether that
    is one talk or two hangs on who else is heard meanwhile.
    """
    alone: dict[tuple[str, ...], object] = {}
    together: list[tuple[float, int, Event]] = []
    names = [name for name in NAMES if name.endswith(".22.ami")]
    for number, name in enumerate(n for n in names if "after_call" not in n and "asks_in_vain" not in n):
        stream = [_renamed(event, number) for event in timed(name)]
        alone |= played(stream).ledger()
        began = stream[0].at or 0.0
        shifted = ((event.at or 0.0) - began + number * 0.01 for event in stream)
        together += [(at, len(together), event) for at, event in zip(shifted, stream, strict=True)]
    room = Room()
    for _, _, event in sorted(together, key=lambda each: each[:2]):
        room.hears(event)
    room.wait(10)
    assert {key[0] for key in room.ledger()} == {"Conversation", "Wait", "Offer", "Segment", "Transfer"}
    assert room.ledger().keys() == alone.keys()
    outcomes = {key: (row["outcome"], row.get("ended_by")) for key, row in room.ledger().items() if "outcome" in row}
    assert outcomes == {key: (alone[key]["outcome"], alone[key].get("ended_by")) for key in outcomes}  # type: ignore[index, attr-defined]
    assert room.floor.empty


def _renamed(event: Event, number: int) -> Event:
    """The same event of another Asterisk: its channels, seats and bridges are others."""
    changes = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if not isinstance(value, str) or name in ("news", "queue", "status", "state", "context", "next_step", "result"):
            continue
        if name.endswith(("uniqueid", "linkedid", "bridge")):
            changes[name] = f"{value}-{number}"
        elif name in ("interface", "state_interface", "device") or name.endswith("channel"):
            changes[name] = value.replace("/", f"/{number}x", 1)
    return msgspec.structs.replace(event, **changes)


@given(st.sampled_from(NAMES), st.randoms(use_true_random=False), st.floats(0, 1), st.booleans())
def test_in_any_order_and_with_any_part_missing_nothing_crashes_and_nothing_stays(
    name: str, dice: random.Random, kept: float, doubled: bool
) -> None:
    stream = [event for event in STREAMS[name] for _ in range(1 + doubled) if dice.random() <= kept]
    dice.shuffle(stream)
    room = Room().hears_all(stream)
    room.wait(10)
    # The next look finds an idle Asterisk.
    room.finds_sight()
    look = [event for event in STREAMS[name] if event.at is None]
    last = max(i for i, event in enumerate(look) if type(event).__name__ == "QueueParams")
    first = next(i for i in range(last, -1, -1) if i == 0 or type(look[i - 1]).__name__ == "ListComplete")
    room.hears_all(look[first:])
    room.wait(10)
    room.wait(10)
    assert room.floor.empty
