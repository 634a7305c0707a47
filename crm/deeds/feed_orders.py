"""Orders and facts from other systems, whichever door they come through: a file, the api, the command line.

The customer is found by their printed number, else by a phone that is theirs alone. What cannot be used is left out
with a sentence, the rest is written; told again, nothing is written twice. In the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import customer_facts, orders
from crm.announcements import announce
from crm.rules.feed_lines import FactLine, Fault, OrderLine, fact_line, order_line
from crm.rules.phone_numbers import to_e164

MOST_AT_ONCE = 1000

# Who was found to be somebody else is that one, however often that happened.
_WHO = text(
    """
WITH RECURSIVE asked AS (
  SELECT code AS word, id FROM customer WHERE code = ANY(:codes)
   UNION ALL
  SELECT DISTINCT e164, customer_id FROM customer_phone WHERE e164 = ANY(:numbers)),
led AS (
  SELECT word, asked.id, customer.merged_into FROM asked JOIN customer ON customer.id = asked.id
   UNION
  SELECT led.word, customer.id, customer.merged_into FROM led JOIN customer ON customer.id = led.merged_into)
SELECT DISTINCT led.word, led.id, customer.code FROM led JOIN customer USING (id) WHERE led.merged_into IS NULL
"""
)


class LineFault(Struct, frozen=True):
    """What was wrong with the line at this place, from 1."""

    line: int
    why: str


class Fed(Struct, frozen=True):
    """What became of the lines. `same`: said nothing new, or something older than what we know."""

    added: int
    changed: int
    same: int
    faults: list[LineFault]


async def feed_orders(
    session: AsyncSession,
    given: Sequence[Mapping[str, object]],
    *,
    source: str,
    country: str,
    zone: tzinfo,
    first_line: int = 1,
    tell: bool = True,
) -> Fed:
    """Take in orders as named values (the columns of rules/feed_lines). `tell`: announce each that is new or changed;
    a history of years is taken in without."""
    lines, faults = _read(given, order_line, zone, first_line)
    who = await _customers(session, [line for _, line in lines], country)
    rows, codes = [], {}
    for place, line in lines:
        found = _whose(line, who, country)
        if isinstance(found, str):
            faults.append(LineFault(place, found))
            continue
        codes[found[0]] = found[1]
        rows.append(
            orders.Given(
                place,
                line.number,
                found[0],
                line.state,
                line.item,
                line.amount,
                line.currency,
                line.placed_at,
                line.expected_on,
                line.changed_at,
            )
        )
    written = await orders.put(session, rows, source=source)
    if tell:
        for order in written:
            told = {"number": order.number, "state": order.state, "customer_code": codes[order.customer_id]}
            await announce(session, "order.changed", key=order.number, data=told)
    added = sum(order.added for order in written)
    return Fed(added, len(written) - added, len(rows) - len(written), sorted(faults, key=lambda fault: fault.line))


async def feed_facts(
    session: AsyncSession,
    given: Sequence[Mapping[str, object]],
    *,
    source: str,
    country: str,
    zone: tzinfo,
    first_line: int = 1,
) -> Fed:
    """Take in facts as named values."""
    lines, faults = _read(given, fact_line, zone, first_line)
    who = await _customers(session, [line for _, line in lines], country)
    rows = []
    for place, line in lines:
        found = _whose(line, who, country)
        if isinstance(found, str):
            faults.append(LineFault(place, found))
        else:
            rows.append(customer_facts.Given(place, found[0], line.name, line.value, line.unit, line.as_of))
    added, changed = await customer_facts.put(session, rows, source=source)
    return Fed(added, changed, len(rows) - added - changed, sorted(faults, key=lambda fault: fault.line))


def _read(
    given: Sequence[Mapping[str, object]], reader: Any, zone: tzinfo, first_line: int
) -> tuple[list[tuple[int, Any]], list[LineFault]]:
    lines, faults = [], []
    for place, each in enumerate(given, first_line):
        try:
            lines.append((place, reader(each, zone)))
        except Fault as fault:
            faults.append(LineFault(place, str(fault)))
    return lines, faults


async def _customers(
    session: AsyncSession, lines: Sequence[OrderLine | FactLine], country: str
) -> dict[str, list[tuple[UUID, str]]]:
    """Printed number or E.164 → the customers of it, each with their printed number."""
    numbers = {to_e164(line.phone, country) for line in lines if line.phone and not line.customer}
    asked = {"codes": list({line.customer for line in lines if line.customer}), "numbers": list(numbers - {None})}
    who: dict[str, list[tuple[UUID, str]]] = {}
    for word, found, code in await session.execute(_WHO, asked):
        who.setdefault(word, []).append((found, code))
    return who


def _whose(
    line: OrderLine | FactLine, who: Mapping[str, list[tuple[UUID, str]]], country: str
) -> tuple[UUID, str] | str:
    """The customer and their printed number, or the sentence why there is none."""
    if line.customer:
        return next(iter(who.get(line.customer, ())), None) or f"customer {line.customer!r} is not known here"
    e164 = to_e164(line.phone, country)
    if e164 is None:
        return f"phone {line.phone!r} cannot be read: write it with its country, such as +8613800138000"
    found = who.get(e164, [])
    if len(found) != 1:
        several = f"belongs to {len(found)} customers: give the customer's number"
        return f"phone {line.phone!r} {several if found else 'is not known here'}"
    return found[0]
