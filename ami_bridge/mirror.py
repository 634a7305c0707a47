"""The mirror: what the inbox holds goes to the watch, what the watch notes goes to the writer.

Two tasks that never wait for each other: Postgres may stall while agents are still put into after-call work. On each
connect, after a reload, and every minute, Asterisk is asked what is there (a look); the floor's doubts are settled by
it. Above 64 MB of unwritten bytes reading pauses; Asterisk then lets us go, and the next look heals.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from crm.ledger.statement import Row

from .actions import look
from .ami_version import why_too_old
from .inbox import Connected, Heard, Inbox, Lost, News
from .listener import Listener
from .rights import Rights
from .sending import AnswerLost, NotConnected, read_answer
from .watch import Watch
from .write import Writer

BACKLOG_AT_MOST = 64 * 1024 * 1024
LOOK_EVERY_S = 60.0
BOOT_PATIENCE_S = 1.0
TICK_S = 1.0
SETTLES_EVERY_S = 0.1
_BOOTED = b"Event: FullyBooted\r\n"
_RELOADED = b"Event: Reload\r\n"
_MATTERS = (b"app_queue", b"manager", b"All")
"""Modules whose new configuration shows in a look: queues and members may have come and gone without an event."""

Ticked = Callable[[float], Iterable[Row]]


class Mirror:
    """One node's mirror. `ticked`, set by whoever has some, adds rows that time alone made dirty (expired wishes)."""

    def __init__(
        self,
        inbox: Inbox,
        reader: Listener,
        watch: Watch,
        writer: Writer,
        *,
        say: Callable[[str], None],
        heard: Callable[[News], None] | None = None,
    ) -> None:
        self.rights: Rights | None = None
        self.ticked: Ticked = lambda now: ()
        self._inbox = inbox
        self._reader = reader
        self._watch = watch
        self._writer = writer
        self._say = say
        self._heard = heard
        self._booted = False
        self._look_at = 0.0
        self._looks = 0
        self._faults = 0
        self._said: set[str] = set()

    @property
    def backlog_bytes(self) -> int:
        """Read and not yet written."""
        return self._inbox.depth_bytes + self._writer.backlog_bytes

    def noted(self, row: Row) -> None:
        """A row that changed elsewhere (a wish was refused) rides in the next batch, at once."""
        self._watch.pending.touch(row)
        self._watch.pending.urgent = True
        self._writer.noted()

    async def watch(self) -> None:
        """Take in all that is heard, until cancelled."""
        while True:
            self._take(await self._inbox.take())

    async def tick(self) -> None:
        """Each second: what time alone changes, sight kept fresh, a look when one is due. What waits for a moment of
        silence, ten times as often: a talk that parted, a doubt that a look raised."""
        ticked_at = time.monotonic()
        while True:
            await asyncio.sleep(min(SETTLES_EVERY_S, TICK_S))
            if time.monotonic() - ticked_at >= TICK_S:
                ticked_at = time.monotonic()
                self._tick(time.time())
            elif self._watch.floor.unsettled:
                self._watch.tick(time.time())
                self._writer.noted()

    def finish(self, now: float) -> None:
        """The bridge stops: take in what was read, and say that nobody looks any more."""
        while not self._inbox.empty:
            self._take(self._inbox.take_nowait())
        self._watch.take(Lost(now, "the bridge stopped"))
        self._writer.noted()

    def _take(self, news: News) -> None:
        self._watch.take(news)
        if self._heard is not None:
            self._heard(news)
        if isinstance(news, Heard):
            self._look_closer(news)
        elif isinstance(news, Connected):
            self.rights = Rights(self._reader.account.username, news.at)
            self._booted = False
            if why := why_too_old(news.version):
                self._say_once(f"Asterisk at {self._reader.account.where}: {why}")
            # A booted Asterisk says so at once; one that still boots has no queues to show yet.
            self._look_at = time.monotonic() + BOOT_PATIENCE_S
        self._writer.noted()
        if self.backlog_bytes > BACKLOG_AT_MOST:
            self._reader.pause_reading()

    def _look_closer(self, heard: Heard) -> None:
        if self.rights is not None and not self.rights.complete:
            self.rights.hear(heard.blocks, heard.at)
        if not self._booted and any(isinstance(each, bytes) and each.startswith(_BOOTED) for each in heard.blocks):
            self._booted = True
            self._ask()
        elif any(isinstance(each, bytes) and each.startswith(_RELOADED) and _matters(each) for each in heard.blocks):
            # With the next tick: a reload of everything tells of many modules at once.
            self._look_at = time.monotonic()

    def _tick(self, now: float) -> None:
        watch, reader = self._watch, self._reader
        watch.tick(now)
        for row in self.ticked(now):
            self.noted(row)
        if reader.connected:
            if watch.sight is not None:
                watch.sight.heard_at = reader.heard_at
                watch.pending.touch(watch.sight)
            if time.monotonic() >= self._look_at or watch.faults != self._faults:
                self._faults = watch.faults  # what a fault of ours left out is seen again
                self._ask()
            missing = self.rights.missing(now) if self.rights is not None else None
            if missing is not None:
                self._say_once(missing)
        self._writer.noted()
        if self.backlog_bytes < BACKLOG_AT_MOST // 2:
            reader.resume_reading()

    def _ask(self) -> None:
        """Ask for the lists; their rows come back as events, in wire order."""
        self._look_at = time.monotonic() + LOOK_EVERY_S
        self._looks += 1
        try:
            for headers in look():
                # Another ActionID for each look: late rows of the one before are told apart.
                numbered = {**headers, "ActionID": f"{headers['ActionID']}-{self._looks}"}
                self._reader.post(numbered).add_done_callback(partial(self._asked, headers["Action"]))
        except NotConnected:
            return  # lost in between: the next connection asks again

    def _asked(self, action: str, answer: asyncio.Future[Any]) -> None:
        if answer.cancelled() or isinstance(answer.exception(), AnswerLost):
            return
        said = read_answer(answer.result())
        if not said.ok:
            user = self._reader.account.username
            self._say_once(
                f"Asterisk refuses {action} to the AMI user {user!r} ({said.message}): "
                "add reporting to write= of that user in manager.conf"
            )

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._say(sentence)


def _matters(reload: bytes) -> bool:
    module = reload.partition(b"\r\nModule: ")[2].partition(b"\r\n")[0]
    return module.startswith(_MATTERS)
