"""Which seats a queue could ring now, and which are kept free for somebody who is being dialled.

Looked at when a customer is dialled before an agent is rung (kept_seats.py). A seat that skills hold back at first is
not counted: its queue would not ring it for a caller who has just joined.
"""

from __future__ import annotations

from crm.rules.pause_steps import RESERVED, split
from crm.rules.skills import A_STEP

from . import seats
from .facts import Facts
from .hands import why_not_free


def free_in(facts: Facts, queue: str) -> list[str]:
    """Seats that are ready and paused in no queue: the lowest penalty first, then who has been ready the longest."""
    found = [
        (seat.members[queue].row.penalty, seat.row.since if seat.row is not None else 0.0, name)
        for name, seat in facts.seats.items()
        if is_ready(facts, name) and serves(facts, name, queue)
    ]
    return [name for _, _, name in sorted(found)]


def is_ready(facts: Facts, name: str) -> bool:
    """Whether all queues of the seat may ring it."""
    seat = facts.seats.get(name)
    if seat is None or seats.posture_word(seat) != "ready":
        return False
    return not any(place.row.paused for place in seat.members.values())


def serves(facts: Facts, name: str, queue: str) -> bool:
    """Whether the seat stands in the queue, to be rung there from the first second on, with nothing on its phone."""
    seat = facts.seats.get(name)
    place = seat.members.get(queue) if seat is not None else None
    return place is not None and place.row.penalty < A_STEP and why_not_free(facts, name) is None


def is_kept(facts: Facts, name: str) -> bool:
    """Whether Asterisk has confirmed that it is reserved, and no queue rings it."""
    seat = facts.seats.get(name)
    return seat is not None and seats.is_paused(seat) and split(seat.reason)[0] == RESERVED


def all_kept(facts: Facts) -> set[str]:
    """Seats that are reserved, by whomever, with nothing on their phones."""
    return {name for name in facts.seats if is_kept(facts, name) and why_not_free(facts, name) is None}
