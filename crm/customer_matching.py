"""Who may be calling from a number, the likeliest first, and how we know.

A customer is matched because an agent said so in this very call, because the menu was told, because an agent picked
them the last time this number called, because the number is theirs, or because it belongs to an organisation they are
of. Called by the card (its SQL rides in the card's one statement) and the command line; picks are written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.customers import CallerPick

SHOWN = 6

# Asked with :e164 (null: hidden), :told (whom the menu knows, or null), :conversation_id (or null).
MATCHED = """
said AS (
    SELECT customer_id, picked_by FROM caller_pick WHERE conversation_id = CAST(:conversation_id AS uuid)),
before AS (
    SELECT customer_id, picked_by FROM caller_pick WHERE number_e164 = CAST(:e164 AS text)
     ORDER BY picked_at DESC LIMIT 1),
told AS (SELECT coalesce(merged_into, id) AS customer_id FROM customer WHERE id = CAST(:told AS uuid)),
own AS (SELECT customer_id FROM customer_phone WHERE e164 = CAST(:e164 AS text)),
houses AS (
    SELECT o.id, o.name, o.kind FROM organisation_phone p JOIN organisation o ON o.id = p.organisation_id
     WHERE p.e164 = CAST(:e164 AS text) AND o.merged_into IS NULL ORDER BY o.name LIMIT 3),
of_house AS (
    SELECT DISTINCT ON (m.customer_id) m.customer_id, h.name, h.kind, m.role
      FROM houses h JOIN organisation_member m ON m.organisation_id = h.id LIMIT 100),
likely AS (
    SELECT customer_id FROM said UNION SELECT customer_id FROM told
     UNION SELECT customer_id FROM own UNION SELECT customer_id FROM of_house),
found AS (
    SELECT c.id, c.code, c.name, c.company, c.tier, c.language, c.note, c.version,
           c.id IN (SELECT customer_id FROM own) AS has_number,
           of_house.name AS house, of_house.kind AS house_kind,
           CASE WHEN c.id IN (SELECT customer_id FROM said) THEN 'said'
                WHEN c.id IN (SELECT customer_id FROM told) THEN 'told'
                WHEN c.id IN (SELECT customer_id FROM before) THEN 'picked'
                WHEN c.id IN (SELECT customer_id FROM own) THEN 'number'
                ELSE 'house' END AS why,
           (SELECT picked_by FROM before WHERE before.customer_id = c.id) AS picked_by
      FROM customer c LEFT JOIN of_house ON of_house.customer_id = c.id
     WHERE c.id IN (SELECT customer_id FROM likely) AND c.merged_into IS NULL
     ORDER BY array_position(ARRAY['said', 'told', 'picked', 'number', 'house'],
                  CASE WHEN c.id IN (SELECT customer_id FROM said) THEN 'said'
                       WHEN c.id IN (SELECT customer_id FROM told) THEN 'told'
                       WHEN c.id IN (SELECT customer_id FROM before) THEN 'picked'
                       WHEN c.id IN (SELECT customer_id FROM own) THEN 'number' ELSE 'house' END),
              array_position(ARRAY['key', 'main', 'ordinary', 'small'], c.tier), c.code
     LIMIT 6),
chosen AS (
    SELECT id FROM found WHERE why IN ('said', 'told', 'picked') OR (SELECT count(*) FROM found) = 1
     ORDER BY array_position(ARRAY['said', 'told', 'picked', 'number', 'house'], why) LIMIT 1)
"""
"""Named parts of a statement: `found`, at most SHOWN customers by likelihood; `chosen`, the one whose card it is, or
none where somebody has to ask; `houses`, the organisations whose number it is."""


class Matched(msgspec.Struct, frozen=True):
    """A customer who may be the caller. `why`: said (by an agent in this call), told (by the menu), picked (by an agent
    last time), number (it is theirs), house (their organisation's)."""

    id: UUID
    code: str
    name: str
    company: str | None
    tier: str
    language: str | None
    note: str
    version: int
    has_number: bool
    house: str | None
    house_kind: str | None
    why: str
    picked_by: str | None


class House(msgspec.Struct, frozen=True):
    """An organisation whose number this is."""

    id: UUID
    name: str
    kind: str


_ASKED = text(
    "WITH " + MATCHED + "SELECT (SELECT coalesce(json_agg(found), '[]') FROM found) AS customers,"  # noqa: S608
    " (SELECT id FROM chosen) AS chosen"
)


async def match(
    session: AsyncSession, number_e164: str | None, *, told: UUID | None = None, conversation_id: UUID | None = None
) -> tuple[list[Matched], UUID | None]:
    """Those who may be calling, the likeliest first, and whom we take the caller to be (None: ask)."""
    asked = {"e164": number_e164, "told": told, "conversation_id": conversation_id}
    row = (await session.execute(_ASKED, asked)).mappings().one()
    return msgspec.convert(row["customers"], list[Matched]), row["chosen"]


def how_sure(found: Sequence[Matched], chosen: UUID | None) -> tuple[str, Matched | None, list[Matched]]:
    """How we know (said, told, picked, only, house, shared, none), whom, and who else it may be."""
    customer = next((one for one in found if one.id == chosen), None)
    others = [one for one in found if one is not customer and one.why != "told"]
    if customer is None:
        return ("shared" if others else "none"), None, others
    if customer.why == "told" and customer.has_number:
        return ("shared" if others else "only"), customer, others
    if customer.why == "told":
        return "told", customer, others
    if customer.has_number and not others and customer.why != "said":
        return "only", customer, others
    return ("only" if customer.why == "number" else customer.why), customer, others


async def pick(
    session: AsyncSession, *, conversation_id: UUID, number_e164: str | None, customer_id: UUID, by: str
) -> None:
    """Note whom an agent says the caller is; said again, the last word counts."""
    said = {"number_e164": number_e164, "customer_id": customer_id, "picked_by": by}
    row = insert(CallerPick).values(id=func.gen_random_uuid(), conversation_id=conversation_id, **said)
    again = {**said, "picked_at": func.clock_timestamp()}
    await session.execute(row.on_conflict_do_update(index_elements=["conversation_id"], set_=again))
