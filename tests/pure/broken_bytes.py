"""Recorded streams with bytes broken, and what must be true whatever they have become: nothing crashes, nothing grows.

Used by test_floor_bytes.py in small, and by tests/traces/prove_floor.py a million messages long.
"""

from __future__ import annotations

import random

from ami_stream import TRACES
from hypothesis import strategies as st

from ami_bridge import events
from ami_bridge.floor import Floor
from ami_bridge.framing import Framing
from ami_bridge.screen_pop import Screens

RAW = {path.name: path.read_bytes() for path in sorted(TRACES.glob("*.ami"))}
SPLICED = (
    b"\r\n\r\n",
    b"\r\n",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b"Event: Hangup\r\n",
    b"Timestamp: 99999999999.0\r\n",
    b"Timestamp: nan\r\n",
    b"Uniqueid: \r\n",
    b"Cause: -1\r\n",
    b"Response: Goodbye\r\n",
    b"Asterisk Call Manager/1.1\r\n",
    b"ChannelState: 999999999999999999999\r\n",
    b": ",
    "王芳".encode()[:4],
)
OPEN_AT_MOST = 20_000
_QUIET = RAW["ivr_self_served.22.ami"]
_LOOKED = _QUIET[_QUIET.rindex(b"Event: QueueStatusComplete") :].split(b"\r\n\r\n")
IDLE = b"\r\n\r\n".join([block for block in _LOOKED if b"\r\nTimestamp: " not in block])
"""A whole look at an Asterisk where nothing goes on. Its rows carry no time."""


class Listening:
    """Framing, events and one floor that go on for ever, as in a bridge that never restarts."""

    def __init__(self) -> None:
        self.floor, self.screens = Floor("asterisk1"), Screens()
        self.messages = self.unreadable = 0
        self.now = 1_700_000_000.0

    def hear(self, data: bytes, cut: int = 65_536) -> None:
        framing = Framing(events.FOLLOWED, skipped_inside=events.SKIPPED_INSIDE)
        for start in range(0, len(data), cut):
            for block in framing.feed(data[start : start + cut]):
                self._take(block)

    def _take(self, block: object) -> None:
        self.messages += 1
        self.now += 0.01
        event = events.read(block) if isinstance(block, bytes) else None
        if event is None:
            return
        if isinstance(event, events.Unreadable):
            self.unreadable += 1
            return
        for change in self.floor.apply(event, self.now):
            assert all(row is not None for row in change.rows)
            self.screens.pop_for(change, self.now)

    @property
    def open_things(self) -> int:
        return sum(1 for _ in self.floor.facts.all_open())

    def heals(self) -> None:
        """Sight is lost and found, and an idle Asterisk is looked at: nothing may be left."""
        self.floor.sight_lost(self.now)
        self.now += 1  # no connection is made anew in no time; a leg younger than the look may be missing in it
        self.floor.sight_found(self.now, "22.10.1")
        self.hear(IDLE)
        for _ in range(3):
            self.now += 100
            self.floor.tick(self.now)


def broken(data: bytes, dice: random.Random, faults: int) -> bytes:
    """The stream with so many faults: bytes flipped, parts cut out, doubled, moved, hostile words put in between."""
    stream = bytearray(data)
    for _ in range(faults):
        at = dice.randrange(len(stream) or 1)
        to = at + dice.randrange(1, 300)
        kind = dice.randrange(6)
        if kind == 0:
            stream[at : at + 1] = bytes([dice.randrange(256)])
        elif kind == 1:
            del stream[at:to]
        elif kind == 2:
            stream[at:at] = stream[at:to]
        elif kind == 3:
            part = stream[at:to]
            del stream[at:to]
            elsewhere = dice.randrange(len(stream) or 1)
            stream[elsewhere:elsewhere] = part
        elif kind == 4:
            stream[at:at] = dice.choice(SPLICED)
        else:
            stream[at:to] = bytes(dice.randrange(256) for _ in range(min(40, to - at)))
    return bytes(stream)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Some messages of a trace, with parts replaced by bytes of hypothesis's choice."""
    data = RAW[draw(st.sampled_from(sorted(RAW)))]
    start = draw(st.integers(0, len(data) - 1))
    stream = bytearray(data[start : start + draw(st.integers(1, 6_000))])
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(stream)))
        stream[at : at + draw(st.integers(0, 40))] = draw(st.sampled_from(SPLICED) | st.binary(max_size=40))
    return bytes(stream)
