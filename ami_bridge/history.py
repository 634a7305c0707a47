"""The history of states: each step of a seat from one state to the next, with cause, actor and event.

Live only: a recorded stream has no wishes, and its history was written when it happened. Rows ride in the mirror's
batches, so that they are written with the posture that they led to. Called by the watch, for bridge.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from crm.ledger.postures import Posture, PostureStep
from crm.ledger.statement import Row

from .changes import Change, PostureChanged

_CAUSES = {"MemberState": "pause", "DeviceStateChange": "device", "Sight": "sight", "Time": "time"}
_ACTORS = {"sight": "bridge", "time": "bridge"}


class History:
    """event_of: what is being taken in now, and its time; actor_of: who wished what has come true at a seat
    in this very moment."""

    def __init__(self, event_of: Callable[[], tuple[str, float]], actor_of: Callable[[str, float], str | None]) -> None:
        self._event_of = event_of
        self._actor_of = actor_of
        self._last: dict[str, tuple[str, str | None, str | None]] = {}

    def recall(self, postures: Iterable[Posture]) -> None:
        """What an earlier bridge wrote last."""
        for row in postures:
            self._last[row.seat] = (row.word, row.pause_reason, row.next_reason)

    def changed(self, change: Change, now: float) -> Iterable[Row]:
        """A posture was said: a step when its word or its pause is another one."""
        assert isinstance(change, PostureChanged)
        row = change.posture
        state = (row.word, row.pause_reason, row.next_reason)
        before = self._last.get(row.seat)
        if before == state:
            return ()
        self._last[row.seat] = state
        event, at = self._event_of()
        wisher = self._actor_of(row.seat, now)
        cause = "wish" if wisher is not None else _CAUSES.get(event, "call")
        at = row.since if before is None else at
        actor = wisher or _ACTORS.get(cause, "asterisk")
        return (PostureStep(row.node, row.seat, at, *state, row.conversation_id, cause, actor, event),)
