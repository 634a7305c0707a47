"""The watch between framing and floor: what it notes for the writer; no bytes of a peer are a fault of ours."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import msgspec
import pytest
from ami_stream import Room, recorded

from ami_bridge.batch import Pending
from ami_bridge.bridge import followed
from ami_bridge.framing import Torn
from ami_bridge.inbox import Heard
from ami_bridge.watch import Watch
from crm.ledger.pops import Pop

TRACES = sorted((Path(__file__).parents[1] / "traces").glob("*.ami"))
POISON = (b"\r\n", b"\r\n\r\n", b"\x00", b"Event: Hangup\r\n", b"\xff\xfe", b"\\u0000", b"Timestamp: 9e99\r\n", b": ")


def mutated(data: bytes, chance: random.Random, every: int = 300) -> bytes:
    """The stream with a byte changed, lost, doubled or poisoned once in so many bytes."""
    hurt = bytearray(data)
    for _ in range(max(1, len(hurt) // every)):
        at, kind = chance.randrange(len(hurt)), chance.random()
        if kind < 0.5:
            hurt[at] = chance.randrange(256)
        elif kind < 0.7:
            del hurt[at : at + chance.randrange(30)]
        elif kind < 0.9:
            hurt[at:at] = chance.choice(POISON)
        else:
            hurt[at:at] = hurt[max(0, at - 200) : at]
    return bytes(hurt)


def test_there_are_traces() -> None:
    assert len(TRACES) > 20


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.stem)
def test_no_mutation_of_a_real_stream_is_a_fault_of_ours(trace: Path) -> None:
    chance = random.Random(trace.stem)
    data = trace.read_bytes()
    for _ in range(3):
        pending, frames = Pending("n"), followed()
        watch = Watch("n", pending)
        hurt = mutated(data, chance)
        for at in range(0, len(hurt), 5000):
            watch.take_recorded(frames.feed(hurt[at : at + 5000]))
        watch.end_recorded()
        assert watch.faults == 0
        batch = pending.seal()
        for _, rows in batch.rows:
            assert isinstance(msgspec.json.decode(rows), list)


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.stem)
def test_each_card_is_put_and_taken_away_when_the_rules_of_cards_say_so(trace: Path) -> None:
    """The rows of what the watch hands on, against all that the floor says."""
    pending, frames = Pending("n"), followed()
    watch = Watch("n", pending)
    watch.take_recorded(frames.feed(trace.read_bytes()))
    watch.end_recorded()
    written = [row for told, rows in pending.seal().rows if told.table == "pop" for row in msgspec.json.decode(rows)]
    room = Room("n").hears_all(recorded(trace.name))
    expected = {pop.id: (pop.seat, pop.ending, pop.taken_at) for pop in room.of(Pop)}
    assert {row["id"]: (row["seat"], row["ending"], row["taken_at"]) for row in written} == expected


def test_a_fault_of_ours_is_counted_and_the_next_event_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    pending = Pending("n")
    watch = Watch("n", pending)
    whole = watch.floor.apply
    watch.floor.apply = lambda event, now: 1 / 0  # type: ignore[assignment, method-assign, return-value]
    arrived = (
        b"Event: Newchannel\r\nChannel: PJSIP/trunk-1\r\nChannelState: 4\r\nContext: from-trunk\r\nExten: 4000\r\n"
    )
    watch.take(Heard(1.7e9, [arrived + b"Uniqueid: 1.1\r\nLinkedid: 1.1"], 100))
    assert watch.faults == 1
    assert "Newchannel" in caplog.text
    watch.floor.apply = whole  # type: ignore[method-assign]
    watch.take(Heard(1.7e9, [arrived + b"Uniqueid: 1.2\r\nLinkedid: 1.2"], 100))
    assert watch.faults == 1
    batch = pending.seal()
    assert batch.rows[0][0].table == "conversation"
    assert batch.messages == 2, "both are in the journal"


def test_what_could_not_be_a_message_is_journaled_with_its_reason() -> None:
    pending = Pending("n")
    watch = Watch("n", pending)
    watch.take(Heard(1.7e9, [Torn("a line above 65536 bytes", b"Event: X\r\n\r\nY"), b"rubbish"], 100))
    assert (watch.unreadable, watch.messages) == (2, 2)
    batch = pending.seal()
    assert batch.journal is not None
    text = zlib.decompress(bytes(batch.journal[-1]))  # type: ignore[arg-type]
    assert text.count(b"\r\n\r\n") == 2, "a torn piece is one block, whatever it holds"
    assert b"Unreadable: a line above 65536 bytes" in text


def test_an_empty_seal_carries_nothing() -> None:
    batch = Pending("n").seal()
    assert (batch.rows, batch.journal, batch.hint) == ([], None, None)
