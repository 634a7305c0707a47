"""Places: promised callbacks that stand in queues as channels of our own dialplan, Local/QUEUE-SECONDS@kefu-callback.

The conversation of such a place is outbound, with the customer's leg as its only party: an agent who hears it ring
talks with nobody yet. What is seen of it are the facts of its try; what they mean is decided elsewhere.
"""

from __future__ import annotations

import re

from ami_bridge.changes import PlaceChanged
from ami_bridge.events.ours import CallbackChoice, CallbackDialling, CallbackEnded
from crm.ledger.callbacks import AttemptFacts

from .facts import Call, Channel, Facts

CONTEXT = "@kefu-callback"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_place(leg: Channel) -> bool:
    """Whether this is one half of a place."""
    return bool(leg.half) and leg.base.endswith(CONTEXT)


def of(facts: Facts, call: Call) -> AttemptFacts | None:
    """The try that this conversation is, if it is one."""
    return facts.places.get(call.row.linkedid) if facts.places else None


def seen(facts: Facts, leg: Channel, at: float) -> None:
    """A place is there: its id is the Uniqueid of the first half, which begins the Linkedid of all."""
    attempt = leg.uniqueid if leg.half == 1 else leg.uniqueid.removesuffix(";2")
    if attempt not in facts.places and _ID.fullmatch(attempt):
        row = facts.places[attempt] = AttemptFacts(attempt, seen_at=at)
        facts.say(PlaceChanged(row))


def dialling(facts: Facts, event: CallbackDialling, at: float) -> None:
    """An agent is there, and the customer's phone is rung from now on."""
    row = facts.places.get(event.uniqueid)
    if row is not None and row.dialled_at is None:
        row.dialled_at = at
        facts.say(PlaceChanged(row))


def chose(facts: Facts, event: CallbackChoice, at: float) -> None:
    """The customer has answered and pressed a key, or none."""
    row = facts.places.get(event.linkedid)
    if row is not None and row.chose is None:
        row.chose = event.choice or ""
        facts.say(PlaceChanged(row))


def ended(facts: Facts, event: CallbackEnded, at: float) -> None:
    """The dialplan's last word of a try that had an agent: its dial was over."""
    row = facts.places.get(event.uniqueid)
    if row is not None:
        row.dial_status, row.cause = event.status or "", event.cause
        row.dialled_at = row.dialled_at or at
        facts.say(PlaceChanged(row))


def talks(facts: Facts, call: Call, at: float) -> None:
    """The customer and an agent talk."""
    row = of(facts, call)
    if row is not None and row.talked_at is None:
        row.talked_at = row.dialled_at = row.dialled_at or at
        row.talked_at = at
        facts.say(PlaceChanged(row))


def gone(facts: Facts, leg: Channel, at: float) -> None:
    """Asterisk said that a place hung up. One that is only missed in a list is nobody's word: whoever settles looks
    into Asterisk's files."""
    row = facts.places.get(leg.uniqueid)
    if row is not None and leg.half == 1 and row.ended_at is None:
        row.ended_at = at
        facts.say(PlaceChanged(row))
        if leg.linkedid not in facts.calls:
            del facts.places[leg.uniqueid]


def rings_customer(call: Call, dest: Channel) -> None:
    """The leg that a place dials is the customer's."""
    call.parties[dest.uniqueid] = dest
