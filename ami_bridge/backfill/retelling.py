"""The told events, played to a floor of their own: what comes of it are the rows that live sight would have given.

The floor has the rules and makes the ids; it cannot tell files from a socket. Nobody reacts to it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field

from ami_bridge.actions import LOOK
from ami_bridge.changes import Change
from ami_bridge.events import Event
from ami_bridge.events.lists import ListComplete
from ami_bridge.floor import Floor
from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.ledger.postures import Posture
from crm.ledger.statement import Row
from crm.ledger.voicemails import Voicemail

from .telling import Restart

_SETTLED_S = 5.0
_BREATH = 64


class Story(Struct):
    """One conversation as the files tell it, with all its rows. Not `whole`: it began before what was read of them."""

    call: Conversation
    waits: list[Wait] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    voicemails: list[Voicemail] = field(default_factory=list)
    whole: bool = True

    @property
    def rows(self) -> list[Row]:
        """All of them, parents first."""
        return [self.call, *self.waits, *self.offers, *self.segments, *self.transfers, *self.voicemails]


def retell(
    node: str, events: Iterable[Event | Restart], seats: Iterable[str], breathe: Callable[[], None] = lambda: None
) -> list[Story]:
    """The conversations of the events, by their beginning. breathe: called now and then, so that others may work."""
    teller = _Teller(node, seats)
    for number, event in enumerate(events):
        if isinstance(event, Restart):
            teller.restart(event)
        else:
            teller.take(event)
        if number % _BREATH == 0:
            breathe()
    return teller.stories()


class _Teller:
    def __init__(self, node: str, seats: Iterable[str]) -> None:
        self._floor = Floor(node)
        known = [Posture(node, seat, "ready", 0.0) for seat in seats]
        self._floor.recall([], [], [], [], [], known)
        self._calls: dict[str, Conversation] = {}
        self._children: dict[str, Row] = {}
        self._at = 0.0

    def take(self, event: Event) -> None:
        at = event.at or self._at
        if at - self._at >= 1.0:
            self._keep(self._floor.tick(at))
        self._at = max(self._at, at)
        self._keep(self._floor.apply(event, at))

    def restart(self, restart: Restart) -> None:
        """Two empty looks: whatever went on is gone, and was last seen at the last line."""
        floor, at = self._floor, max(restart.at, self._at)
        self._keep(floor.sight_lost(min(restart.last_at, at)))
        self._keep(floor.sight_found(at, None))
        for listed in ("queues", "channels"):
            self._keep(floor.apply(ListComplete(at, f"{LOOK}{listed}", listed, 0), at))
        self._at = at + _SETTLED_S
        self._keep(floor.tick(self._at))

    def stories(self) -> list[Story]:
        self._keep(self._floor.tick(self._at + _SETTLED_S))
        found = {row.id: Story(row) for row in self._calls.values()}
        for row in self._children.values():
            story = found.get(row.conversation_id)  # type: ignore[attr-defined]
            if story is not None:
                _LIST_OF[type(row)](story).append(row)
        return sorted(found.values(), key=lambda story: story.call.started_at)

    def _keep(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for row in change.rows:
                if isinstance(row, Conversation):
                    self._calls[row.id] = row
                elif type(row) in _LIST_OF:
                    self._children[row.id] = row  # type: ignore[attr-defined]


_LIST_OF: dict[type[Row], Callable[[Story], list[Row]]] = {
    Wait: lambda story: story.waits,  # type: ignore[dict-item, return-value]
    Offer: lambda story: story.offers,  # type: ignore[dict-item, return-value]
    Segment: lambda story: story.segments,  # type: ignore[dict-item, return-value]
    Transfer: lambda story: story.transfers,  # type: ignore[dict-item, return-value]
    Voicemail: lambda story: story.voicemails,  # type: ignore[dict-item, return-value]
}
