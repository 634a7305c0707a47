"""Hints to browsers: one LISTEN a process, fanned out to the open streams as "look again".

A stream carries no data: the page fetches what it shows, so a lost, doubled or late hint costs a fetch and never a
wrong picture. Every (re)connect begins with a look; a look is also sent now and then with no hint, as the net. No
database transaction is open while a stream is. Called by app (the tasks) and by the pages' stream routes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import structlog
from fastapi.sse import ServerSentEvent
from sqlalchemy import text

from crm.database import CrmUnavailable, Database
from crm.hints import LIVE

from .own_state import SIGHT_LOST_AFTER_S

LIFETIME_S = 600.0
"""A stream is ended after this (less up to a fifth) and opened anew, so that none lives on a forgotten sign-in."""
NET_S = 15.0
"""A stream that was told nothing for so long is told to look all the same."""
SIGHT_CHECK_S = 1.0
RETRY_MS = 1000

Seat = tuple[str, str]
"""Node and seat; `FLOOR` stands for everything."""
FLOOR: Final[Seat] = ("", "")

_SIGHT = text(
    "SELECT name, lost_at IS NULL AND heard_at > clock_timestamp() - make_interval(secs => :blind_s) FROM node"
)

log = structlog.get_logger(__name__)


class _Hint(msgspec.Struct):
    """A notification as bridge and deeds send it: ids only. `all`: anything of the node. Nothing listed: a call that
    no seat has to do with yet, which concerns the wallboard alone."""

    node: str
    seats: list[str] = []
    queues: list[str] = []
    all: bool = False


class Stream:
    """One open stream: hints that arrive while it is busy are one hint."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self.ended = False

    def tell(self) -> None:
        """There is something to look at."""
        self._told.set()

    def end(self) -> None:
        """Say goodbye at the next turn."""
        self.ended = True
        self._told.set()

    async def told(self, within_s: float) -> bool:
        """Wait for a hint; False when none came in time."""
        try:
            async with asyncio.timeout(within_s):
                await self._told.wait()
        except TimeoutError:
            return False
        self._told.clear()
        return True


class Live:
    """All open streams of this process, and the two tasks that feed them."""

    def __init__(
        self,
        database: Database,
        *,
        heartbeat_s: float,
        changed: Callable[[], None] = lambda: None,
        changed_beside: Callable[[], None] = lambda: None,
    ) -> None:
        """`changed` is called at every hint, before any stream is told; `changed_beside` at those of no seat or
        queue: what they tell of is not what every ring does."""
        self._database = database
        self._changed = changed
        self._changed_beside = changed_beside
        self._heartbeat_s = heartbeat_s
        self._streams: dict[Seat, set[Stream]] = {}
        self._sight: dict[str, bool] = {}
        self._ending = False

    @property
    def open_streams(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._streams.values()))

    async def listen(self) -> None:
        """Pass on hints for ever. After every (re)connect of LISTEN all are told, since hints may have been missed."""
        async with self._database.listening(LIVE) as hints:
            async for hint in hints:
                self.pass_on(hint)

    async def watch_sight(self) -> None:
        """Tell a node's streams when it goes out of sight or comes back: nobody sends a hint for silence."""
        while True:
            await asyncio.sleep(SIGHT_CHECK_S)
            if not self._streams:
                continue
            try:
                async with self._database.reading() as session:
                    rows = (await session.execute(_SIGHT, {"blind_s": SIGHT_LOST_AFTER_S})).all()
            except CrmUnavailable:
                seen = dict.fromkeys(self._sight, False)
            else:
                seen = {name: bool(live) for name, live in rows}
            for node in {name for name, live in seen.items() if self._sight.get(name) != live}:
                self._tell_node(node)
            self._sight = seen

    def pass_on(self, hint: str | None) -> None:
        """Tell whom a notification concerns; None concerns everybody. What cannot be read concerns everybody too."""
        try:
            said = None if hint is None else msgspec.json.decode(hint, type=_Hint)
        except msgspec.MsgspecError:
            log.warning("hint_unreadable", hint=(hint or "")[:200])
            said = None
        self._changed()
        if said is None or said.all or not said.seats:  # a message left names its queue; a ring names its seat, too
            self._changed_beside()
        if said is None:
            for streams in self._streams.values():
                _tell(streams)
        elif said.all:
            self._tell_node(said.node)
        else:
            for seat in said.seats:
                _tell(self._streams.get((said.node, seat), set()))
            _tell(self._streams.get(FLOOR, set()))

    def end(self) -> None:
        """End every stream and open no more: the process is going."""
        self._ending = True
        for streams in self._streams.values():
            for stream in streams:
                stream.end()

    async def events(self, seat: Seat, *, gap_s: float = 0.0) -> AsyncIterator[ServerSentEvent]:
        """The stream of one seat: look, beat and, at the end of its life, again. `gap_s`: least time between looks."""
        clock = asyncio.get_running_loop().time
        dies_at = clock() + LIFETIME_S * random.uniform(0.8, 1.0)  # noqa: S311 - spread, no secret
        with self._watching(seat) as stream:
            beat = ServerSentEvent(event="beat", data={"beat_s": self._heartbeat_s}, retry=RETRY_MS)
            yield beat
            yield _look()
            looked_at = clock()
            while clock() < dies_at:
                told = await stream.told(self._heartbeat_s)
                if stream.ended:
                    break
                if told or clock() - looked_at > NET_S:
                    yield _look()
                    looked_at = clock()
                    await asyncio.sleep(gap_s)
                else:
                    yield beat
            yield ServerSentEvent(event="again", data={})

    @contextmanager
    def _watching(self, seat: Seat) -> Iterator[Stream]:
        stream = Stream()
        if self._ending:
            stream.end()
        self._streams.setdefault(seat, set()).add(stream)
        try:
            yield stream
        finally:
            self._streams[seat].discard(stream)
            if not self._streams[seat]:
                del self._streams[seat]

    def _tell_node(self, node: str) -> None:
        self._changed()
        for (name, _), streams in self._streams.items():
            if name in (node, FLOOR[0]):
                _tell(streams)


def _look() -> ServerSentEvent:
    return ServerSentEvent(event="look", data={})


def _tell(streams: set[Stream]) -> None:
    for stream in streams:
        stream.tell()
