"""Who is meant by a number, a customer's code or a name, and what of theirs there is: rows by table, files, journal.

One person, or a sentence that says why it is none or several. Called by the erasure, the export and the command line.
"""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.personal_rows import Person
from crm.refusals import Refusal
from crm.rules.identity import SPACES, check, digits_of, is_number, tells
from crm.rules.number_spellings import spellings
from crm.rules.phone_numbers import to_e164
from crm.rules.withheld import told_number
from crm.settings import Settings

_BY_CODE = text("SELECT id FROM customer WHERE code = :asked")
_BY_NUMBER = text("SELECT DISTINCT customer_id FROM customer_phone WHERE e164 = :e164 OR raw = :asked")
_BY_NAME = text("SELECT id FROM customer WHERE lower(name) = lower(:asked)")
# Whoever was merged into somebody is that person, and so is whom they were merged into.
_WHOLE = text(
    """
WITH RECURSIVE whole (id) AS (
    SELECT unnest(CAST(:found AS uuid[]))
    UNION
    SELECT CASE WHEN c.id = whole.id THEN c.merged_into ELSE c.id END
      FROM whole JOIN customer c ON c.merged_into = whole.id OR (c.id = whole.id AND c.merged_into IS NOT NULL))
SELECT c.id, c.code, c.name, c.merged_into,
       EXISTS (SELECT FROM customer o WHERE lower(o.name) = lower(c.name) AND o.id NOT IN (SELECT id FROM whole))
           AS shared
  FROM customer c JOIN whole ON whole.id = c.id ORDER BY c.merged_into NULLS FIRST, c.code
"""
)
_NUMBERS = text(
    """
SELECT p.raw, p.e164,
       EXISTS (SELECT FROM customer_phone o WHERE o.e164 = p.e164 AND o.customer_id <> ALL(:customers))
       OR (p.e164 IS NULL AND EXISTS (SELECT FROM customer_phone o WHERE o.raw = p.raw AND o.e164 IS NULL
                                         AND o.customer_id <> ALL(:customers)))
       OR EXISTS (SELECT FROM organisation_phone o JOIN organisation_member m USING (organisation_id)
                   WHERE o.e164 = p.e164 AND m.customer_id <> ALL(:customers)) AS shared
  FROM customer_phone p WHERE p.customer_id = ANY(:customers)
"""
)
_ORDERS = text("SELECT number FROM customer_order WHERE customer_id = ANY(:customers)")
_CALLS = text(
    """
SELECT c.id, c.caller_name FROM conversation c
 WHERE c.caller = ANY(:spellings) OR c.dialled = ANY(:spellings)
    OR translate(c.caller, :spaces, '') LIKE ANY(:needles)
    OR (c.direction <> 'inbound' AND translate(c.dialled, :spaces, '') LIKE ANY(:needles))
    OR EXISTS (SELECT FROM caller_facts f
                WHERE f.node = c.node AND f.linkedid = c.linkedid AND f.customer_id = ANY(:customers))
    OR EXISTS (SELECT FROM caller_pick p WHERE p.conversation_id = c.id AND p.customer_id = ANY(:customers))
"""
)
_CASES = text("SELECT id FROM customer_case WHERE customer_id = ANY(:customers) OR caller = ANY(:spellings)")
_GOING_ON = text("SELECT count(*) FROM conversation WHERE id = ANY(:ids) AND ended_at IS NULL")


class NobodyFound(Refusal):
    """No customer and no call by that name, number or code."""


class SeveralFound(Refusal):
    """More than one customer is meant."""


async def find_person(session: AsyncSession, settings: Settings, asked: str) -> Person:
    """The one person meant by `asked`: a customer's code, a number, or a name."""
    asked = " ".join(asked.replace("\x00", "").split())
    try:
        check(asked)
    except ValueError as short:
        if not await _customers(session, settings, asked):
            raise Refusal(f"{short}: give a whole number, a customer's code or a full name") from None
    found = await _customers(session, settings, asked)
    rows = (await session.execute(_WHOLE, {"found": found})).all()
    standing = [row for row in rows if row.merged_into is None]
    if len(standing) > 1:
        codes = ", ".join(row.code for row in standing[:10])
        raise SeveralFound(f"{asked} may be {len(standing)} customers ({codes}): name one by the code")
    customers = [row.id for row in rows]
    own, shared = await _numbers(session, settings, asked, customers)
    person = await _person(session, asked, rows, own, shared)
    if not person.customers and not person.conversations and not person.cases:
        raise NobodyFound(f"nobody is known by {asked!r}: give a number, a customer's code or a whole name")
    return person


async def going_on(session: AsyncSession, person: Person) -> bool:
    """Whether they are on the telephone now."""
    return bool(await session.scalar(_GOING_ON, {"ids": person.conversations}))


async def _customers(session: AsyncSession, settings: Settings, asked: str) -> list[UUID]:
    by_code = list(await session.scalars(_BY_CODE, {"asked": asked}))
    if by_code:
        return by_code
    if is_number(asked):
        e164 = to_e164(asked, settings.country)
        return list(await session.scalars(_BY_NUMBER, {"e164": e164, "asked": asked}))
    return list(await session.scalars(_BY_NAME, {"asked": asked}))


async def _numbers(
    session: AsyncSession, settings: Settings, asked: str, customers: list[UUID]
) -> tuple[set[str], set[str]]:
    """Numbers that are this person's alone, and those that they share; each in every spelling. None of them is a word
    that stands in a number's place where it was withheld: older versions made rows of them."""
    own: set[str] = set()
    shared: set[str] = set()
    for row in (await session.execute(_NUMBERS, {"customers": customers})).all():
        if told_number(row.raw) is not None:
            (shared if row.shared else own).update({row.raw, *(spellings(row.e164) if row.e164 else [])})
    if is_number(asked) and not customers:
        e164 = to_e164(asked, settings.country)
        own |= {asked, digits_of(asked), *(spellings(e164) if e164 else [])}
    return own - shared, shared


async def _person(session: AsyncSession, asked: str, rows: Any, own: set[str], shared: set[str]) -> Person:
    customers = [row.id for row in rows]
    # The shortest spelling without the country's code finds all others, which are it with something before it.
    cores = {core for core in own if is_number(core)}
    cores = {core for core in cores if not any(digits_of(core).endswith(digits_of(o)) and o != core for o in cores)}
    needles = [f"%{digits_of(core)}" for core in cores if len(digits_of(core)) >= 7]
    asked_for = {"spellings": sorted(own), "customers": customers, "needles": needles, "spaces": SPACES}
    calls = (await session.execute(_CALLS, asked_for)).all()
    cases = list(await session.scalars(_CASES, {"spellings": sorted(own), "customers": customers}))
    orders = list(await session.scalars(_ORDERS, {"customers": customers}))
    certain = set(cores) | {row.code for row in rows if len(row.code) >= 4}
    names = {row.name for row in rows}
    certain |= {row.name for row in rows if not row.shared and tells(row.name)}
    beside = names | {row.code for row in rows} | {call.caller_name for call in calls if told_number(call.caller_name)}
    return Person(
        asked=asked,
        customers=customers,
        conversations=[call.id for call in calls],
        cases=cases,
        codes=[row.code for row in rows],
        spellings=sorted(own),
        certain=sorted(certain),
        shared=sorted((beside | shared | set(orders)) - certain),
        pseudonym=f"erased-{secrets.token_hex(6)}",
    )
