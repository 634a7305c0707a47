"""What a caller did in a flow, noted step by step while it happens.

Filled by the player; the server gives it to the visit book, which writes it. Knows no database.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from crm.routing import RoutingRow
    from crm.tables.visits import VisitEnding

MOST_STEPS = 400


def now() -> datetime:
    return datetime.now(UTC)


class VisitNotes:
    """One caller's pass through one flow, as it happens."""

    def __init__(
        self, *, node: str, linkedid: str, uniqueid: str, flow: str, clock: Callable[[], datetime] = now
    ) -> None:
        self.id: UUID = uuid4()
        self.node = node
        self.linkedid = linkedid
        self.uniqueid = uniqueid
        self.flow = flow
        self._clock = clock
        self.started_at = clock()
        self.ended_at: datetime | None = None
        self.language: str | None = None
        self.number_e164: str | None = None
        self.customer_id: UUID | None = None
        self.matter: str | None = None
        self.routing: RoutingRow | None = None
        self.steps: list[dict[str, Any]] = []
        self.pressed = ""
        self.last_prompt: str | None = None
        self.ending: str | None = None
        self.served = False
        self.closed_why: str | None = None
        self.menu_version: int | None = None
        self.place: str | None = None
        self.learnt = False
        self.missing_prompts = 0

    def step(self, name: str, prompt: str | None = None, pressed: str | None = None, why: str | None = None) -> None:
        """Note one step; a prompt counts as heard from its first moment."""
        if prompt is not None:
            self.last_prompt = prompt
        if pressed:
            self.pressed += pressed
        if len(self.steps) < MOST_STEPS:
            at_s = round((self._clock() - self.started_at).total_seconds(), 3)
            noted: dict[str, Any] = {"at_s": at_s, "step": name, "prompt": prompt, "pressed": pressed}
            if self.place is not None:
                noted["place"] = self.place
            self.steps.append(noted if why is None else {**noted, "why": why})

    def close(self, ending: VisitEnding, served: bool) -> None:
        """The flow is over."""
        self.ending, self.served, self.ended_at = ending, served, self._clock()
