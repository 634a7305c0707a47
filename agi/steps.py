"""The words a call flow may say, where it may end, and what it may be answered.

A flow (agi/flows) is a generator: it yields one step, is sent that step's answer, and returns an ending.
The player performs the steps on a phone line; `kefu ivr simulate` prints them. Pure: nothing here or in a
flow knows a socket, a clock or a database.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import date
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

KEYS = "0123456789*#"
LANGUAGES = ("en", "zh")
Missing = Literal["not_found", "unavailable"]


class CallerBlocked(Exception):
    """The caller's number is on the block list; the message says why."""


class CallerHungUp(Exception):
    """The caller left. Not an error: the visit is recorded with the last prompt heard."""


# What the CRM answers -------------------------------------------------------------------------------------------


class Caller(Struct, frozen=True):
    """Who calls. `customer_id` is set only when exactly one customer owns the number; of two, none is read.

    `blocked`: why this number is not let in. No flow need look at it: the player turns such a caller away."""

    number_e164: str | None = None
    customer_id: UUID | None = None
    language: str | None = None
    blocked: str | None = None


class Routed(Struct, frozen=True):
    """How a caller goes into a queue. `last_agent`: "1001/20", the seat tried first and for how many seconds.

    `announce`: place, and the range in minutes, that the caller is told; (0, 1) is less than one minute."""

    credit_s: int = 0
    last_agent: str = ""
    announce: tuple[int, int, int] | None = None


class OrderStatus(Struct, frozen=True):
    """What is spoken of an order. `expected_on` is the calendar day at the site, not an instant."""

    number: str
    state: str
    expected_on: date | None = None


# Steps that are heard -------------------------------------------------------------------------------------------


class SetLanguage(Struct, frozen=True):
    """Every later prompt is heard in this language ("en", "zh")."""

    language: str


class Play(Struct, frozen=True):
    """Prompts one after another; keys pressed meanwhile are ignored."""

    prompts: tuple[str, ...]


class Ask(Struct, frozen=True):
    """Prompts that any key interrupts, then `timeout_s` of waiting.

    Answer: the key pressed, also one that is not among `keys` (the flow names that wrong), or "" for silence.
    """

    prompts: tuple[str, ...]
    keys: str
    timeout_s: float = 5.0


class SayDigits(Struct, frozen=True):
    """Letters and digits one by one; what is neither is passed over."""

    digits: str


class SayDate(Struct, frozen=True):
    """A calendar day: month and day, and the year."""

    on: date


class SayOrder(Struct, frozen=True):
    """Number, state and expected day of an order. Heard to its end, the caller has been served."""

    order: OrderStatus


# Questions to the CRM, each answered within a time limit ---------------------------------------------------------


class FindCaller(Struct, frozen=True):
    """Answer: `Caller`, empty when the number is withheld, unknown, shared, or the CRM is away."""


class AskIfOpen(Struct, frozen=True):
    """Answer: bool, by the site's opening hours."""


class LookUpOrder(Struct, frozen=True):
    """Answer: the customer's latest `OrderStatus`, or "not_found", or "unavailable" when the CRM is away."""

    customer_id: UUID


class Remember(Struct, frozen=True):
    """The matter the caller chose: on the card, in the channel variable MATTER and in the visit."""

    matter: str


# Endings --------------------------------------------------------------------------------------------------------


class JoinQueue(Struct, frozen=True):
    """`credit_s`: seconds of waiting that the flow itself gives, on top of what the caller has by worth or promise.

    `last_agent_s`: how long to wait for the agent who served this caller last; None: as the queue's row says."""

    queue: str
    credit_s: int = 0
    last_agent_s: int | None = None


class Voicemail(Struct, frozen=True):
    """Leave a message; `box` is the queue whose people will hear it."""

    box: str


class Transfer(Struct, frozen=True):
    """On to a number inside the house; a seat that is not reached leads to reception."""

    to: str


class Goodbye(Struct, frozen=True):
    """Hang up. `served`: the caller got the answer asked for."""

    served: bool


Step = SetLanguage | Play | Ask | SayDigits | SayDate | SayOrder | FindCaller | AskIfOpen | LookUpOrder | Remember
Ending = JoinQueue | Voicemail | Transfer | Goodbye
Flow = Generator[Step, Any, Ending]
