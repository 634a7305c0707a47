"""Places: promised callbacks that stand in queues as channels of our own dialplan, Local/QUEUE-SECONDS@kefu-callback.

The conversation of such a place is outbound, with the customer's leg as its only party: an agent who hears it ring
talks with nobody yet. Where the customer is dialled first, half 2 of Local/LANGUAGE-NUMBER@kefu-callback-dial dials,
and half 1 goes into the queue with the customer behind it. What is seen of it are the facts of its try; what they mean
is decided elsewhere.
"""

from __future__ import annotations

import re

from ami_bridge.changes import PlaceChanged
from ami_bridge.events.ours import CallbackAnswered, CallbackChoice, CallbackDialling, CallbackEnded
from crm.ledger.callbacks import AttemptFacts

from . import calls
from .facts import Call, Channel, Facts, Stay

CONTEXT = "@kefu-callback"
DIALS_FIRST = "@kefu-callback-dial"
_DIALS = re.compile(r"-(\d+)@")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_place(leg: Channel) -> bool:
    """Whether this is one half of a place."""
    return bool(leg.half) and leg.base.endswith((CONTEXT, DIALS_FIRST))


def faces_customer(leg: Channel) -> bool:
    """Whether this is the half of a place that dials the customer."""
    return leg.half == (2 if leg.base.endswith(DIALS_FIRST) else 1) and is_place(leg)


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
    row = facts.places.get(_try_of(event.uniqueid))
    if row is not None and row.dialled_at is None:
        row.dialled_at = at
        facts.say(PlaceChanged(row))


def answered(facts: Facts, event: CallbackAnswered, at: float) -> None:
    """Somebody, or a machine, is on the customer's phone. Asterisk's own word comes after the greeting."""
    call = facts.calls.get(event.linkedid)
    if call is not None and event.linkedid in facts.places:
        call.dialled_out = "ANSWER"


def chose(facts: Facts, event: CallbackChoice, at: float) -> None:
    """The customer has answered and pressed a key, or none."""
    row = facts.places.get(event.linkedid)
    if row is not None and row.chose is None:
        row.chose = event.choice or ""
        facts.say(PlaceChanged(row))


def ended(facts: Facts, event: CallbackEnded, at: float) -> None:
    """The dialplan's last word of a try that dialled: that is over."""
    row = facts.places.get(_try_of(event.uniqueid))
    if row is not None:
        row.dial_status, row.cause = event.status or "", event.cause
        row.dialled_at = row.dialled_at or at
        facts.say(PlaceChanged(row))


def queued(facts: Facts, uniqueid: str, at: float) -> None:
    """Somebody came into a queue: a customer who was dialled first, where it is a try's own channel."""
    row = facts.places.get(uniqueid)
    if row is not None and row.queued_at is None:
        row.dialled_at, row.queued_at = row.dialled_at or at, at
        facts.say(PlaceChanged(row))


def is_shadow(facts: Facts, stay: Stay) -> bool:
    """Whether nobody is on the line that waits there."""
    row = of(facts, stay.call)
    return row is not None and stay.row.caller_uniqueid != row.id


def talks(facts: Facts, call: Call, at: float) -> None:
    """The customer and an agent talk."""
    row = of(facts, call)
    if row is not None and row.talked_at is None:
        row.dialled_at, row.talked_at = row.dialled_at or at, at
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


def rings_customer(facts: Facts, leg: Channel, dest: Channel, at: float) -> None:
    """The leg that a place dials is the customer's. Dialled first, with it the conversation begins."""
    call = leg.call
    if call is None:
        call = calls.begin(facts, leg, "outbound", at)
        calls.join(call, dest)
        if dialled := _DIALS.search(leg.base):
            calls.learn_caller(facts, call, f"+{dialled[1]}", None)
    call.parties[dest.uniqueid] = dest


def _try_of(uniqueid: str) -> str:
    return uniqueid.removesuffix(";2")
