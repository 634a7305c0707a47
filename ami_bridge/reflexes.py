"""What the bridge does about seats by itself, and keeps of them: calls not taken, phones gone, the history of states.

One place that ties these to watch, outbox and mirror. Called by bridge.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from crm.database import CrmUnavailable, Database
from crm.ledger.postures import Posture
from crm.ledger.statement import Row
from crm.settings import Settings

from .changes import Change, PostureChanged, RingEnded
from .history import History
from .lost_phones import LostPhones
from .misses import Misses
from .outbox import Outbox
from .watch import Reaction, Watch


class Reflexes:
    """`reactions` belong into the watch; `tick` is called each second, and returns dirty rows."""

    def __init__(self, settings: Settings, watch: Watch, outbox: Outbox) -> None:
        node = settings.node
        self._misses = Misses(node, settings.missed_call_policy, outbox.at_once)
        self._history = History(lambda: watch.event, outbox.actor_of)
        self._phones = LostPhones(node, settings.phone_blip_seconds, outbox.at_once, stands=watch.floor.can_be_rung)

    async def recall(self, database: Database, postures: list[Posture], now: float) -> None:
        """What earlier bridges saw."""
        self._history.recall(postures)
        self._phones.recall(postures, now)
        while True:
            try:
                return await self._misses.recall(database)
            except CrmUnavailable:
                await asyncio.sleep(0.5)

    @property
    def reactions(self) -> dict[type[Change], Reaction]:
        return {RingEnded: self._misses.ring_ended, PostureChanged: self._posture_changed}

    def ticked(self, other: Callable[[float], Iterable[Row]]) -> Callable[[float], Iterable[Row]]:
        """Each second: what `other` does, and what is due here."""
        return lambda now: [*other(now), *self._phones.tick(now)]

    def _posture_changed(self, change: Change, now: float) -> Iterable[Row]:
        return [*self._history.changed(change, now), *self._phones.changed(change, now)]
