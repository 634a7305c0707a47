"""The caller's card: everything an agent should know as the phone rings, gathered in as few round trips as possible.

A card is live for a seat while a pop of it has no `taken_at`, and while the seat talks in or wraps up a conversation.
Joins the ledger to what the menus learnt by (node, linkedid). Called by `desk_picture` alone; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.rules.number_spellings import spellings
from crm.rules.phone_numbers import to_e164

ROWS_SHOWN = 5

_LIVE_CALLS = text(
    """
WITH live AS (
    SELECT id AS pop_id, conversation_id, wait_id, rung_at, answered_at FROM pop
     WHERE node = :node AND seat = :seat AND taken_at IS NULL
    UNION ALL
    SELECT NULL, posture.conversation_id, NULL, posture.since, posture.since FROM posture
     WHERE node = :node AND seat = :seat AND word IN ('talking', 'wrapping_up') AND conversation_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM pop WHERE pop.node = :node AND pop.seat = :seat AND taken_at IS NULL
                          AND pop.conversation_id = posture.conversation_id))
SELECT live.pop_id, live.conversation_id, live.rung_at, live.answered_at,
       posture.word = 'wrapping_up' AND posture.conversation_id = live.conversation_id AS wrapping_up,
       posture.since AS posture_since,
       c.direction, c.caller, c.caller_name, c.dialled,
       waited.queue, waited.title_en, waited.title_zh, waited.entered_at, waited.left_at,
       facts.number_e164, facts.customer_id, facts.language, facts.matter,
       visited.language AS visit_language, visited.steps, visited.pressed,
       wrap_up.outcome AS wrap_up_outcome, wrap_up.note AS wrap_up_note
  FROM live
  JOIN conversation c ON c.id = live.conversation_id
  LEFT JOIN posture ON posture.node = :node AND posture.seat = :seat
  LEFT JOIN LATERAL (
       SELECT wait.queue, wait.entered_at, wait.left_at, queue.title_en, queue.title_zh
         FROM wait LEFT JOIN queue ON queue.name = wait.queue
        WHERE wait.conversation_id = c.id AND (live.wait_id IS NULL OR wait.id = live.wait_id)
        ORDER BY wait.entered_at DESC LIMIT 1) AS waited ON true
  LEFT JOIN caller_facts facts ON facts.node = c.node AND facts.linkedid = c.linkedid
  LEFT JOIN LATERAL (
       SELECT language, steps, pressed FROM visit
        WHERE visit.linkedid = c.linkedid AND visit.node = c.node
        ORDER BY started_at DESC LIMIT 1) AS visited ON true
  LEFT JOIN wrap_up ON wrap_up.conversation_id = c.id AND wrap_up.agent_id = :agent_id
 ORDER BY live.answered_at NULLS LAST, live.rung_at, live.pop_id
"""
)

_CUSTOMERS = text(
    """
SELECT id, code, name, company, tier, language, note,
       EXISTS (SELECT FROM customer_phone WHERE customer_id = customer.id AND e164 = :e164) AS has_number,
       ARRAY(SELECT e164 FROM customer_phone WHERE customer_id = customer.id AND e164 IS NOT NULL) AS numbers
  FROM customer
 WHERE id = :customer_id OR id IN (SELECT customer_id FROM customer_phone WHERE e164 = :e164)
 ORDER BY id = :customer_id DESC NULLS LAST, array_position(ARRAY['key', 'main', 'ordinary', 'small'], tier), code
 LIMIT 6
"""
)

_PAST = text(
    """
SELECT (SELECT coalesce(json_agg(o), '[]') FROM (
            SELECT number, state, item, amount::text AS amount, currency, placed_at, expected_on
              FROM customer_order WHERE customer_id = :customer_id
             ORDER BY placed_at DESC LIMIT :shown) AS o) AS orders,
       (SELECT coalesce(json_agg(k), '[]') FROM (
            SELECT c.started_at, c.direction, c.outcome, said.outcome AS wrap_up, said.note, said.agent,
                   (SELECT coalesce(CASE WHEN :language = 'zh' THEN queue.title_zh ELSE queue.title_en END, wait.queue)
                      FROM wait LEFT JOIN queue ON queue.name = wait.queue
                     WHERE wait.conversation_id = c.id ORDER BY entered_at DESC LIMIT 1) AS queue
              FROM conversation c
              LEFT JOIN LATERAL (
                   SELECT wrap_up.outcome, wrap_up.note, agent.name AS agent
                     FROM wrap_up JOIN agent ON agent.id = wrap_up.agent_id
                    WHERE wrap_up.conversation_id = c.id ORDER BY saved_at DESC LIMIT 1) AS said ON true
             WHERE c.caller = ANY(CAST(:numbers AS text[])) AND c.id <> :conversation_id
             ORDER BY c.started_at DESC LIMIT :shown) AS k) AS contacts
"""
)


class Known(msgspec.Struct, frozen=True):
    """A customer who may be the caller."""

    id: UUID
    code: str
    name: str
    company: str | None
    tier: str
    language: str | None
    note: str
    has_number: bool
    numbers: list[str]


class Order(msgspec.Struct, frozen=True):
    """One order, newest first."""

    number: str
    state: str
    item: str
    amount: Decimal
    currency: str
    placed_at: datetime
    expected_on: datetime | None


class Contact(msgspec.Struct, frozen=True):
    """One earlier conversation with these numbers, with what the last agent said of it."""

    started_at: datetime
    direction: str
    outcome: str | None
    wrap_up: str | None
    note: str | None
    agent: str | None
    queue: str | None


class Pressed(msgspec.Struct, frozen=True):
    """One key at one prompt of the menu."""

    prompt: str
    key: str


class Said(msgspec.Struct, frozen=True):
    """The outcome this agent has saved."""

    outcome: str
    note: str


class Card(msgspec.Struct, frozen=True):
    """One caller on one screen.

    `how`: only (the number is this customer's alone), told (the menu found them by other means), shared (several have
    the number; `customer` is set if the menu knows which), none.
    """

    pop_id: UUID | None
    conversation_id: UUID
    phase: str
    since: datetime
    number: str | None
    caller_name: str | None
    dialled: str | None
    queue: str | None
    queue_title: Mapping[str, str]
    entered_at: datetime | None
    left_at: datetime | None
    language: str | None
    matter: str | None
    pressed: list[Pressed]
    how: str
    customer: Known | None
    others: list[Known]
    orders: list[Order]
    contacts: list[Contact]
    wrap_up: Said | None

    @property
    def key(self) -> UUID:
        """What makes this card another one than the next: the pop, or the conversation where no pop is live."""
        return self.pop_id or self.conversation_id

    @property
    def title(self) -> str | None:
        """The name to announce."""
        return self.customer.name if self.customer else None

    @property
    def initial(self) -> str:
        """What stands for a face."""
        name = (self.title or "").strip()
        return name[0].upper() if name else "?"

    @property
    def waited_s(self) -> float | None:
        """Seconds from joining the queue to leaving it; None while it goes on."""
        return (self.left_at - self.entered_at).total_seconds() if self.left_at and self.entered_at else None


async def live_cards(
    session: AsyncSession, *, node: str, seat: str, agent_id: UUID, language: str, country: str
) -> list[Card]:
    """The cards that belong on the screen of one seat now, the oldest talk first."""
    asked = {"node": node, "seat": seat, "agent_id": agent_id}
    calls = (await session.execute(_LIVE_CALLS, asked)).mappings().all()
    return [await _card(session, dict(call), language, country) for call in calls]


async def _card(session: AsyncSession, call: Mapping[str, Any], language: str, country: str) -> Card:
    e164 = call["number_e164"] or to_e164(call["caller"], country)
    how, customer, others = await _who(session, call["customer_id"], e164)
    orders, contacts = await _past(session, call, e164, customer, language)
    outcome = call["wrap_up_outcome"]
    return Card(
        pop_id=call["pop_id"],
        conversation_id=call["conversation_id"],
        phase=_phase(call),
        since=_since(call),
        number=e164 or call["caller"],
        caller_name=call["caller_name"],
        dialled=call["dialled"],
        queue=call["queue"],
        queue_title={"en": call["title_en"] or call["queue"] or "", "zh": call["title_zh"] or call["queue"] or ""},
        entered_at=call["entered_at"],
        left_at=call["left_at"],
        language=call["language"] or call["visit_language"] or (customer.language if customer else None),
        matter=call["matter"],
        pressed=_pressed(call["steps"], call["pressed"]),
        how=how,
        customer=customer,
        others=others,
        orders=orders,
        contacts=contacts,
        wrap_up=Said(outcome, call["wrap_up_note"]) if outcome else None,
    )


async def _who(session: AsyncSession, told: UUID | None, e164: str | None) -> tuple[str, Known | None, list[Known]]:
    if told is None and e164 is None:
        return "none", None, []
    rows = (await session.execute(_CUSTOMERS, {"customer_id": told, "e164": e164})).mappings().all()
    found = [Known(**row) for row in rows]
    named = next((one for one in found if one.id == told), None)
    sharing = [one for one in found if one.has_number and one is not named]
    if named and not named.has_number:
        return "told", named, []
    if named:
        return ("shared", named, sharing) if sharing else ("only", named, [])
    if len(sharing) == 1:
        return "only", sharing[0], []
    return ("shared", None, sharing) if sharing else ("none", None, [])


async def _past(
    session: AsyncSession, call: Mapping[str, Any], e164: str | None, customer: Known | None, language: str
) -> tuple[list[Order], list[Contact]]:
    numbers = [call["caller"]] if call["caller"] else []
    for number in {e164, *(customer.numbers if customer else [])} - {None}:
        numbers += spellings(str(number))
    if not numbers and customer is None:
        return [], []
    asked = {
        "customer_id": customer.id if customer else None,
        "numbers": numbers,
        "conversation_id": call["conversation_id"],
        "language": language,
        "shown": ROWS_SHOWN,
    }
    row = (await session.execute(_PAST, asked)).mappings().one()
    orders = msgspec.convert(row["orders"], list[Order], strict=False)
    return orders, msgspec.convert(row["contacts"], list[Contact], strict=False)


def _phase(call: Mapping[str, Any]) -> str:
    if call["wrapping_up"]:
        return "wrapping_up"
    return "talking" if call["answered_at"] else "ringing"


def _since(call: Mapping[str, Any]) -> datetime:
    moment: datetime = call["posture_since"] if call["wrapping_up"] else call["answered_at"] or call["rung_at"]
    return moment


def _pressed(steps: list[dict[str, Any]] | None, pressed: str | None) -> list[Pressed]:
    """Each key with the prompt it answered; bare keys where the visit kept no steps."""
    told = [
        Pressed(str(step.get("prompt") or step.get("step") or "").replace("_", " "), str(step["pressed"]))
        for step in steps or []
        if step.get("pressed")
    ]
    return told or [Pressed("", key) for key in pressed or ""]
