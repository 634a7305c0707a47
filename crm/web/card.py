"""The caller's card: everything an agent should know as the phone rings, gathered in as few round trips as possible.

A card is live for a seat while a pop of it has no `taken_at`, and while the seat talks in or wraps up a conversation.
Joins the ledger to what the menus learnt by (node, linkedid). Called by `own_state` and `desk_picture`; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from crm.customer_matching import MATCHED, House, Matched, how_sure
from crm.questions import Question, Where, ask
from crm.rules.number_spellings import spellings
from crm.rules.phone_numbers import to_e164

from .card_cases import CASES, CardCase, CardCases, Category

ROWS_SHOWN = 5

LIVE_CALLS = """
SELECT live.pop_id, live.conversation_id, live.rung_at, live.answered_at,
       coalesce(posture.word = 'wrapping_up' AND posture.conversation_id = live.conversation_id, false) AS wrapping_up,
       posture.since AS posture_since,
       CASE WHEN c.direction = 'outbound' THEN coalesce(c.dialled, c.caller) ELSE c.caller END AS caller,
       c.caller_name, c.dialled, c.linkedid,
       waited.queue, waited.title_en, waited.title_zh,
       least(promise.joined_at, waited.entered_at) AS entered_at, waited.left_at,
       coalesce(facts.number_e164, promise.number_e164) AS number_e164,
       coalesce(facts.customer_id, promise.customer_id) AS customer_id,
       coalesce(facts.language, visited.language, promise.language) AS language,
       coalesce(facts.matter, nullif(promise.about, '')) AS matter,
       visited.steps, visited.pressed,
       wrap_up.outcome AS wrap_up_outcome, wrap_up.note AS wrap_up_note
  FROM (SELECT id AS pop_id, conversation_id, wait_id, rung_at, answered_at FROM pop
         WHERE pop.node = me.node AND pop.seat = me.seat AND taken_at IS NULL
        UNION ALL
        SELECT NULL, posture.conversation_id, NULL, posture.since, posture.since
         WHERE posture.word IN ('talking', 'wrapping_up') AND posture.conversation_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM pop WHERE pop.node = me.node AND pop.seat = me.seat AND taken_at IS NULL
                              AND pop.conversation_id = posture.conversation_id)) AS live
  JOIN conversation c ON c.id = live.conversation_id
  LEFT JOIN LATERAL (
       SELECT meant.queue, wait.entered_at, wait.left_at, queue.title_en, queue.title_zh
         FROM wait
        CROSS JOIN LATERAL (SELECT CASE WHEN wait.queue LIKE 'seat-%' THEN coalesce((
                     SELECT r.queue FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid
                      ORDER BY r.decided_at DESC LIMIT 1), wait.queue) ELSE wait.queue END AS queue) AS meant
         LEFT JOIN queue ON queue.name = meant.queue
        WHERE wait.conversation_id = c.id AND (live.wait_id IS NULL OR wait.id = live.wait_id)
        ORDER BY wait.entered_at DESC LIMIT 1) AS waited ON true
  LEFT JOIN caller_facts facts ON facts.node = c.node AND facts.linkedid = c.linkedid
  LEFT JOIN LATERAL (
       SELECT language, steps, pressed FROM visit
        WHERE visit.linkedid = c.linkedid AND visit.node = c.node
        ORDER BY started_at DESC LIMIT 1) AS visited ON true
  /* a callback: its conversation bears the id of the try; the customer has waited since the first join */
  LEFT JOIN callback_attempt tried ON c.direction = 'outbound' AND tried.id =
       CASE WHEN c.linkedid ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN CAST(c.linkedid AS uuid) END
  LEFT JOIN callback promise ON promise.id = tried.callback_id
  LEFT JOIN wrap_up ON wrap_up.conversation_id = c.id AND wrap_up.agent_id = :agent_id
 ORDER BY live.answered_at NULLS LAST, live.rung_at, live.pop_id
"""
"""The calls on one screen, as a part of `own_state`'s statement: `me` (node, seat) and `posture` are its."""

# Orders and contacts are of the one customer whom the caller is taken for; where we have to ask, of none.
_CALLER_ASKED = (
    "WITH "  # noqa: S608 - statements of our own
    + MATCHED
    + """,
numbers AS (
    SELECT unnest(CAST(:numbers AS text[])) AS number
    UNION SELECT e164 FROM customer_phone JOIN chosen ON chosen.id = customer_id WHERE e164 IS NOT NULL
    UNION SELECT ltrim(e164, '+') FROM customer_phone JOIN chosen ON chosen.id = customer_id WHERE e164 IS NOT NULL
    UNION SELECT regexp_replace(raw, '[^0-9]', '', 'g') FROM customer_phone JOIN chosen ON chosen.id = customer_id)
SELECT (SELECT coalesce(json_agg(found), '[]') FROM found) AS customers,
       (SELECT id FROM chosen) AS chosen,
       (SELECT coalesce(json_agg(houses), '[]') FROM houses) AS houses,
       (SELECT coalesce(json_agg(o), '[]') FROM (
            SELECT number, state, item, amount::text AS amount, currency, placed_at, expected_on
              FROM customer_order JOIN chosen ON chosen.id = customer_id
             ORDER BY placed_at DESC LIMIT :shown) AS o) AS orders,
       (SELECT coalesce(json_agg(k), '[]') FROM (
            SELECT c.started_at, c.direction, c.outcome, said.outcome AS wrap_up, said.note, said.agent,
                   (SELECT coalesce(CASE WHEN :language = 'zh' THEN queue.title_zh ELSE queue.title_en END,
                                    meant.queue, wait.queue)
                      FROM wait
                      LEFT JOIN LATERAL (SELECT r.queue FROM routing r
                                          WHERE wait.queue LIKE 'seat-%' AND r.node = c.node
                                            AND r.linkedid = c.linkedid
                                          ORDER BY r.decided_at DESC LIMIT 1) AS meant ON true
                      LEFT JOIN queue ON queue.name = coalesce(meant.queue, wait.queue)
                     WHERE wait.conversation_id = c.id ORDER BY entered_at DESC LIMIT 1) AS queue
              FROM conversation c
              LEFT JOIN LATERAL (
                   SELECT wrap_up.outcome, wrap_up.note, agent.name AS agent
                     FROM wrap_up JOIN agent ON agent.id = wrap_up.agent_id
                    WHERE wrap_up.conversation_id = c.id ORDER BY saved_at DESC LIMIT 1) AS said ON true
             WHERE c.caller IN (SELECT number FROM numbers) AND c.id <> :conversation_id
               AND (CAST(:seen AS text[]) IS NULL
                    OR EXISTS (SELECT FROM wait w WHERE w.conversation_id = c.id AND w.queue = ANY(:seen))
                    OR EXISTS (SELECT FROM segment s WHERE s.conversation_id = c.id AND s.agent_id = :agent_id))
             ORDER BY c.started_at DESC LIMIT :shown) AS k) AS contacts,
"""
    + CASES
)


class LiveCall(msgspec.Struct, frozen=True):
    """A row of LIVE_CALLS."""

    pop_id: UUID | None
    conversation_id: UUID
    rung_at: datetime
    answered_at: datetime | None
    wrapping_up: bool
    posture_since: datetime | None
    caller: str | None
    caller_name: str | None
    dialled: str | None
    linkedid: str
    queue: str | None
    title_en: str | None
    title_zh: str | None
    entered_at: datetime | None
    left_at: datetime | None
    number_e164: str | None
    customer_id: UUID | None
    language: str | None
    matter: str | None
    steps: list[dict[str, Any]] | None
    pressed: str | None
    wrap_up_outcome: str | None
    wrap_up_note: str | None


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

    `how`: only (the number is this customer's alone), said (an agent said so in this call), told (the menu found them
    by other means), picked (an agent picked them last time), house (it is a number of their organisation), shared
    (several have the number; `customer` is set if the menu knows which), none. `houses`: whose number it is besides.
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
    customer: Matched | None
    others: list[Matched]
    houses: list[House]
    orders: list[Order]
    contacts: list[Contact]
    cases: CardCases
    wrap_up: Said | None

    @property
    def key(self) -> UUID:
        """What makes this card another one than the next: the pop, or the conversation where no pop is live."""
        return self.pop_id or self.conversation_id

    @property
    def customer_name(self) -> str | None:
        """The name to announce."""
        return self.customer.name if self.customer else None

    @property
    def initial(self) -> str:
        """What stands for a face."""
        name = (self.customer_name or "").strip()
        return name[0].upper() if name else "?"

    @property
    def waited_s(self) -> float | None:
        """Seconds from joining the queue to leaving it; None while it goes on."""
        return (self.left_at - self.entered_at).total_seconds() if self.left_at and self.entered_at else None


class _Row(msgspec.Struct, frozen=True):
    """What the statement gives of a caller."""

    customers: list[Matched]
    chosen: UUID | None
    houses: list[House]
    orders: list[Order]
    contacts: list[Contact]
    cases: list[CardCase]
    case_categories: list[Category] | None


_CALLER = Question(_CALLER_ASKED, _Row)


async def cards_of(
    where: Where,
    calls: list[LiveCall],
    *,
    language: str,
    country: str,
    agent_id: UUID,
    queues: Sequence[str] | None = None,
) -> list[Card]:
    """The cards of these calls, in their order. `country`: how a number without its country is read. `queues`: of
    earlier calls only those that came to one of these, and this agent's own (None: all)."""
    if not calls:
        return []
    numbers = [call.number_e164 or to_e164(call.caller, country) for call in calls]
    seen = {"seen": None if queues is None else list(queues), "agent_id": agent_id, "language": language}
    asked = [_CALLER.with_(**_about(call, e164), **seen) for call, e164 in zip(calls, numbers, strict=True)]
    found = await ask(where, *asked)
    return [_card(call, e164, row) for call, e164, (row,) in zip(calls, numbers, found, strict=True)]


def _about(call: LiveCall, e164: str | None) -> dict[str, Any]:
    return {
        "told": call.customer_id,
        "e164": e164,
        "numbers": [*([call.caller] if call.caller else []), *(spellings(e164) if e164 else [])],
        "conversation_id": call.conversation_id,
        "shown": ROWS_SHOWN,
    }


def _card(call: LiveCall, e164: str | None, row: _Row) -> Card:
    how, customer, others = how_sure(row.customers, row.chosen)
    return Card(
        pop_id=call.pop_id,
        conversation_id=call.conversation_id,
        phase=_phase(call),
        since=_since(call),
        number=e164 or call.caller,
        caller_name=call.caller_name,
        dialled=call.dialled,
        queue=call.queue,
        queue_title={"en": call.title_en or call.queue or "", "zh": call.title_zh or call.queue or ""},
        entered_at=call.entered_at,
        left_at=call.left_at,
        language=call.language or (customer.language if customer else None),
        matter=call.matter,
        pressed=_pressed(call.steps, call.pressed),
        how=how,
        customer=customer,
        others=others,
        houses=row.houses,
        orders=row.orders,
        contacts=row.contacts,
        cases=CardCases(row.cases, row.case_categories or []),
        wrap_up=Said(call.wrap_up_outcome, call.wrap_up_note or "") if call.wrap_up_outcome else None,
    )


def _phase(call: LiveCall) -> str:
    if call.wrapping_up:
        return "wrapping_up"
    return "talking" if call.answered_at else "ringing"


def _since(call: LiveCall) -> datetime:
    if call.wrapping_up and call.posture_since:
        return call.posture_since
    return call.answered_at or call.rung_at


def _pressed(steps: list[dict[str, Any]] | None, pressed: str | None) -> list[Pressed]:
    """Each key with the prompt it answered, where the visit says so; else bare keys."""
    told = [
        Pressed(str(step.get("prompt") or "").replace("_", " "), str(step["pressed"]))
        for step in steps or []
        if step.get("pressed")
    ]
    return told or [Pressed("", key) for key in pressed or ""]
