"""What a call flow is answered by the company's memory: who calls, and what is spoken of an order, a case or a balance.

Given by the desks, handed by the player to the flow that asked, which may hand it back to be said. Pure.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

Missing = Literal["not_found", "unavailable"]


class Caller(Struct, frozen=True):
    """Who calls. `customer_id` is set only when exactly one customer owns the number; of two, none is read.

    `blocked`: why this number is not let in. No flow need look at it: the player turns such a caller away."""

    number_e164: str | None = None
    customer_id: UUID | None = None
    language: str | None = None
    blocked: str | None = None
    tier: str | None = None
    code: str | None = None


class Routed(Struct, frozen=True):
    """How a caller goes into a queue. `last_agent`: "1001/20", the seat tried first and for how many seconds.
    `display`: tier and name, for the display of the agent's phone. `why`: what the credit is given for, in words.

    `announce`: place, and the range in minutes, that the caller is told; (0, 1) is less than one minute."""

    credit_s: int = 0
    last_agent: str = ""
    display: str = ""
    announce: tuple[int, int, int] | None = None
    why: str = ""


class OrderStatus(Struct, frozen=True):
    """What is spoken of an order. `expected_on` is the calendar day at the site, not an instant."""

    number: str
    state: str
    expected_on: date | None = None


class CaseStatus(Struct, frozen=True):
    """What is spoken of a case: its number and state."""

    number: str
    state: str


class Balance(Struct, frozen=True):
    """What a customer still has to pay. `currency` as ISO 4217 writes it."""

    amount: Decimal
    currency: str
