"""When a seat is done with a call that no queue gave it: with a caller whom a colleague handed over as its talk ends,
with a call that it dialled itself as its leg ends, reached or not.

Then after-call work is due as after a queue's call. Called by talks.py and channels.py.
"""

from __future__ import annotations

from ami_bridge.changes import CallHandled
from crm.rules.pause_steps import RESERVED

from . import seats
from .facts import Call, Channel, Facts, Seat, Talk


def done(facts: Facts, talk: Talk, at: float) -> None:
    """Nothing is due for a seat that stands in no queue, nor twice."""
    call, seat = talk.call, facts.seat(talk.row.seat)
    if talk.ring is None or talk.ring.stay is not None or call.row.direction != "inbound" or not seat.members:
        return
    earlier = any(each.row.seat != seat.name for each in (*call.past_talks, *call.talks.values()))
    forwarded = any(ring.forwarded or ring.taken_from == seat.name for ring in call.rings)
    if not earlier or forwarded or seat.name in call.handled:
        return
    _handled(facts, seat, call, at)


def dialled(facts: Facts, leg: Channel, at: float) -> None:
    """Who dialled without being kept free for it (paused before, or in no queue) goes back to what it was."""
    seat, call = facts.seats.get(leg.seat or ""), leg.call
    if seat is None or call is None or call.unsaid or leg.uniqueid != call.first:
        return
    if seats.is_paused(seat) and seat.reason == RESERVED and seat.name not in call.handled:
        _handled(facts, seat, call, at)


def _handled(facts: Facts, seat: Seat, call: Call, at: float) -> None:
    call.handled.add(seat.name)
    seat.handled = call.row.id
    seats.done_with(facts, seat, at)
    facts.say(CallHandled(seat.name, call.row.id, at))
