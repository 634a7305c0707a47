"""One bridge's life: lease, recall, listen, mirror, carry out wishes, stop with everything written.

`kefu bridge run` calls it. Each part is a task; the first that ends for good ends the bridge, with one sentence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from crm.cancelling import cancelled
from crm.database import CrmUnavailable, Database, FenceLost
from crm.ledger.postures import Posture
from crm.ledger.sight import BlindWindow
from crm.refusals import Refusal
from crm.settings import Settings

from .ami_version import why_too_old
from .backfill.keeping import Keeping
from .backfill.places import Places
from .batch import Pending
from .changes import SeatCodeDialled
from .duties import Duties
from .events import FOLLOWED, KNOWN_NAMES, SKIPPED_INSIDE
from .framing import Framing
from .inbox import Inbox, News
from .journal_days import keep_days
from .kept_seats import KeptSeats
from .lease import Lease, take_lease
from .listener import Listener
from .mirror import Mirror
from .outbox import Outbox
from .promises import Promises
from .recall import Found, read_blind_windows, read_just_ended, read_open_rows, recall
from .reflexes import Reflexes
from .seat_codes import SeatCodes
from .sending import Account
from .watch import Watch, one_after_another
from .write import Limits, Writer

STOP_DEADLINE_S = 8.0

Say = Callable[[str], None]


class AnotherBridge(Refusal):
    """The node was taken over: this bridge must not write any more."""


class Bridge:
    """`await Bridge(settings, database, say).run(stopping)`. heard: is given all news of the reader, too, at once."""

    def __init__(
        self, settings: Settings, database: Database, say: Say, *, heard: Callable[[News], None] | None = None
    ) -> None:
        self._settings = settings
        self._database = database
        self._say = say
        self._inbox = Inbox()
        self._heard = heard
        self.reader = listener_of(settings, "ami", self._inbox, say)
        # Without an account of its own for wishes, the reader's connection carries them, too.
        self.actor = listener_of(settings, "ami_actor", None, say) if settings.ami_actor_username else self.reader
        self.pending = Pending(settings.node)
        self.watch = Watch(settings.node, self.pending, after_call_work=settings.after_call_work)
        self.lease: Lease | None = None
        self.writer: Writer | None = None
        self.mirror: Mirror | None = None
        self.outbox: Outbox | None = None
        self.promises: Promises | None = None
        self.keeping: Keeping | None = None
        self.duties: Duties | None = None
        self.codes: SeatCodes | None = None
        self._files = Places(settings, self.reader)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set. Raises LoginRefused or AnotherBridge, each a sentence."""
        stopped = asyncio.ensure_future(stopping.wait())
        try:
            begun = asyncio.ensure_future(self._begin())
            await asyncio.wait((begun, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not begun.done():
                await cancelled(begun)
                return
            begun.result()
            await self._live(stopped)
        finally:
            stopped.cancel()

    def not_ready(self) -> str | None:
        """Why the floor is not live now, in a sentence; None when it is."""
        if self.lease is None or self.writer is None:
            return "waiting for the database, or for another bridge of this node to end"
        if not self.reader.connected:
            return f"Asterisk at {self.reader.account.where} is not in sight"
        if why := why_too_old(self.reader.version):
            return f"Asterisk at {self.reader.account.where}: {why}"
        if not self.actor.connected:
            return f"no connection for wishes to Asterisk at {self.actor.account.where}"
        if self.writer.away:
            return self.writer.away
        return self.mirror.rights.missing(time.time()) if self.mirror and self.mirror.rights else None

    def facts(self) -> Mapping[str, object]:
        """Counts and ages for /healthz."""
        return {
            "node": self._settings.node,
            "in_sight": self.reader.connected,
            "lease": self.lease is not None,
            "heard_s_ago": round(time.time() - self.reader.heard_at, 1) if self.reader.heard_at else None,
            "backlog_bytes": self.mirror.backlog_bytes if self.mirror else 0,
            "messages": self.watch.messages,
            "unreadable": self.watch.unreadable,
            "unknown_events": self.watch.strangers.total,
            "drift": self.watch.drift,
            "faults": self.watch.faults + self.reader.faults + (self.keeping.faults if self.keeping else 0),
            "batches": self.writer.batches if self.writer else 0,
            "set_aside": self.writer.set_aside if self.writer else 0,
            "rows_reconstructed": self.keeping.rows if self.keeping else 0,
            "wishes_settled": self.outbox.settled if self.outbox else 0,
            "callbacks_placed": self.promises.placed if self.promises else 0,
        }

    async def _begin(self) -> None:
        node = self._settings.node
        self.lease = lease = await take_lease(self._database, node, say=self._say)
        async with lease.kept(self._database):
            found, blind, ended = await self._left_behind()
        recall(self.watch, found, lease.last_heard_at or time.time())
        self.watch.floor.bury(ended)
        for window in blind:
            self.watch.blindness.resume(window)
        if lease.last_heard_at is not None:
            self.watch.blind_since(lease.last_heard_at)
        settings = self._settings
        limits = Limits(settings.write_linger_ms, settings.batch_messages, settings.batch_messages_behind)
        self.writer = Writer(self._database, lease, self.pending, limits, say=self._say)
        self.mirror = Mirror(self._inbox, self.reader, self.watch, self.writer, say=self._say, heard=self._heard)
        self.outbox = Outbox(
            self._database,
            lease,
            self.actor,
            self.mirror.noted,
            expiry_s=settings.wish_expiry_seconds,
            after_call_work=settings.after_call_work,
            refused=self.watch.pause_refused,
            channel_of=self.watch.floor.channel_name,
            hands_of=self.watch.floor.hands,
            why_not_free=self.watch.floor.why_not_free,
            standing_of=self.watch.floor.standing,
            queues_of=self.watch.floor.queues_of,
            say=self._say,
        )
        self.keeping = Keeping(
            self._database,
            node,
            lease.fence,
            find_files=self._files.find,
            in_sight=lambda: self.reader.connected and self.writer is not None and not self.writer.away,
            noted=self.pending.touch,
            say=self._say,
        )
        self.duties = Duties(
            self._database,
            lease,
            settings,
            in_sight=lambda: self.reader.connected and self.actor.connected,
            say=self._say,
        )
        reflexes = Reflexes(settings, self.watch, self.outbox)
        await reflexes.recall(self._database, found[Posture], time.time())
        self.watch.reactions = self.outbox.reactions | reflexes.reactions
        self.codes = SeatCodes(self._database, node, settings.wish_expiry_seconds, say=self._say)
        self.watch.reactions[SeatCodeDialled] = self.codes.dialled
        self.mirror.ticked = reflexes.ticked(self.outbox.expire)
        floor, files = self.watch.floor, self._files.find
        seats = KeptSeats(floor, self.outbox.at_once, self.mirror.noted)
        self.outbox.keep_free = seats.keeps
        self.promises = Promises(
            self._database, settings, lease, self.actor, floor, seats, find_files=files, say=self._say
        )
        self.watch.reactions = one_after_another(self.watch.reactions, self.promises.reactions)

    async def _left_behind(self) -> tuple[Found, list[BlindWindow], list[tuple[str, float]]]:
        """What an earlier life left open: rows of calls, and the window in which nobody looked."""
        node = self._settings.node
        while True:
            try:
                ended = await read_just_ended(self._database, node)
                found = await read_open_rows(self._database, node)
                return found, await read_blind_windows(self._database, node), ended
            except CrmUnavailable:
                await asyncio.sleep(0.5)

    async def _live(self, stopped: asyncio.Task[Any]) -> None:
        assert self.mirror is not None
        assert self.writer is not None
        assert self.outbox is not None
        assert self.keeping is not None
        assert self.promises is not None
        assert self.duties is not None
        assert self.codes is not None
        works: list[Callable[[], Coroutine[Any, Any, Any]]] = [each.run for each in {self.reader, self.actor}]
        works += [self.mirror.watch, self.mirror.tick, self.outbox.run, self.keeping.run]
        works += [self.duties.run, self.codes.run]
        works.append(self.promises.run)
        works.append(partial(keep_days, self._database, self._settings.journal_days, self._say))
        hearing: list[asyncio.Task[Any]] = [asyncio.ensure_future(work()) for work in works]
        writing = asyncio.ensure_future(self.writer.run())
        self.writer.noted()
        try:
            done, _ = await asyncio.wait((stopped, writing, *hearing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancelled(*hearing)
            await self._finish(writing)
        for task in done - {stopped}:
            try:
                task.result()
            except FenceLost:
                raise AnotherBridge(
                    f"another bridge watches the node {self._settings.node!r} now: this one ends"
                ) from None

    async def _finish(self, writing: asyncio.Task[None]) -> None:
        """What was heard is written before the end, unless Postgres stays away."""
        assert self.mirror is not None
        assert self.writer is not None
        self.mirror.finish(time.time())
        drained = asyncio.ensure_future(self.writer.drained())
        done, _ = await asyncio.wait((drained, writing), timeout=STOP_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        await cancelled(drained, writing)
        if drained in done:
            await self.writer.close()
        elif writing not in done:
            self._say("Postgres took nothing for so long that the last seconds are not written")


def listener_of(
    settings: Settings,
    whose: str,
    inbox: Inbox | None,
    say: Say,
    *,
    framing: Callable[[], Framing] | None = None,
    tap: Callable[[bytes], None] | None = None,
) -> Listener:
    """The connection of one of the two accounts, by the settings. whose: ami or ami_actor."""
    username = getattr(settings, f"{whose}_username")
    secret = getattr(settings, f"{whose}_secret")
    if secret is None:
        raise Refusal(f"no secret for the AMI user {username!r}: set KEFU_{whose.upper()}_SECRET as in manager.conf")
    return Listener(
        Account(settings.ami_host, settings.ami_port, username, secret.get_secret_value(), settings.ami_tls, whose),
        inbox,
        framing or followed,
        ping_s=settings.ami_ping_seconds,
        deadline_s=settings.ami_ping_deadline_seconds,
        say=say,
        tap=tap,
    )


def followed() -> Framing:
    """Framing of what the floor follows, and of what nobody knows."""
    return Framing(FOLLOWED, ignored=KNOWN_NAMES, skipped_inside=SKIPPED_INSIDE)
