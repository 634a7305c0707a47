"""What some queues have seen: calls that came to them, whose calls those were, the cases they were about.

The one place that says so, for programs and subscribers that are bound to queues. What no call ties to a queue, no
queue has seen. A call came to a queue if it waited there or was sent there. Called by the REST door and by the
numbering of announcements.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .rules.number_spellings import spellings
from .tables.cases import Case, CaseCall
from .tables.conversations import Conversation, Wait
from .tables.customers import CustomerPhone
from .tables.queues import Queue
from .tables.routing import Routing

# Of a number that several have, or that an agent or the menu said is somebody else's in this call, nothing follows. A
# callback that a program promised says nothing either: else it could make itself see whomever it promises one.
_CUSTOMERS = text(
    """
WITH RECURSIVE also AS (
  SELECT id AS kept, id FROM unnest(CAST(:ids AS uuid[])) AS given(id)
  UNION SELECT also.kept, c.id FROM customer c JOIN also ON c.merged_into = also.id),
calls AS (
  SELECT also.kept, p.conversation_id AS id FROM also JOIN caller_pick p ON p.customer_id = also.id
  UNION
  SELECT also.kept, l.conversation_id FROM also JOIN customer_case k ON k.customer_id = also.id
    JOIN case_conversation l ON l.case_id = k.id
  UNION
  SELECT own.kept, c.id FROM unnest(CAST(:owners AS uuid[]), CAST(:numbers AS text[])) AS own(kept, number)
    JOIN conversation c ON c.caller = own.number
   WHERE NOT EXISTS (SELECT FROM caller_pick p WHERE p.conversation_id = c.id AND NOT EXISTS (
                       SELECT FROM also WHERE also.kept = own.kept AND also.id = p.customer_id))
     AND NOT EXISTS (SELECT FROM caller_facts f WHERE f.node = c.node AND f.linkedid = c.linkedid AND NOT EXISTS (
                       SELECT FROM also WHERE also.kept = own.kept AND also.id = f.customer_id)
                       AND f.customer_id IS NOT NULL))
SELECT DISTINCT kept, queue FROM (
  SELECT calls.kept, w.queue FROM calls JOIN wait w ON w.conversation_id = calls.id
  UNION ALL
  SELECT calls.kept, r.queue FROM calls JOIN conversation c ON c.id = calls.id
    JOIN routing r ON r.node = c.node AND r.linkedid = c.linkedid
  UNION ALL
  SELECT also.kept, r.queue FROM also JOIN caller_facts f ON f.customer_id = also.id
    JOIN routing r ON r.node = f.node AND r.linkedid = f.linkedid
  UNION ALL
  SELECT also.kept, b.queue FROM also JOIN callback b ON b.customer_id = also.id AND b.source <> 'api') AS seen
 WHERE CAST(:queues AS text[]) IS NULL OR queue = ANY(:queues)
"""
)
_CALLS = text(
    """
SELECT c.id, w.queue FROM conversation c JOIN wait w ON w.conversation_id = c.id WHERE c.id = ANY(CAST(:ids AS uuid[]))
UNION
SELECT c.id, r.queue FROM conversation c JOIN routing r ON r.node = c.node AND r.linkedid = c.linkedid
 WHERE c.id = ANY(CAST(:ids AS uuid[]))
"""
)
_CASES = text(
    """
SELECT l.case_id, w.queue FROM case_conversation l JOIN wait w ON w.conversation_id = l.conversation_id
 WHERE l.case_id = ANY(CAST(:ids AS uuid[]))
UNION
SELECT l.case_id, r.queue FROM case_conversation l JOIN conversation c ON c.id = l.conversation_id
  JOIN routing r ON r.node = c.node AND r.linkedid = c.linkedid
 WHERE l.case_id = ANY(CAST(:ids AS uuid[]))
"""
)


async def check_known(session: AsyncSession, queues: Sequence[str]) -> None:
    """Refusal for a queue that there is not."""
    there = set(await session.scalars(select(Queue.name).where(Queue.name.in_(queues))))
    for queue in queues:
        if queue not in there:
            raise Refusal(f"there is no queue {queue!r}: see `kefu queue list`")


async def customers_of(session: AsyncSession, ids: Collection[UUID], queues: Collection[str]) -> set[UUID]:
    """Those of these customers whom one of the queues has seen."""
    return set(await _customers(session, ids, list(queues)))


async def queues_of_customers(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The queues that have seen each of these customers; who was seen by none is left out."""
    return await _customers(session, ids, None)


async def queues_of_calls(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The queues that each of these calls came to."""
    return _by_id(await session.execute(_CALLS, {"ids": list(ids)}) if ids else ())


async def queues_of_cases(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The queues to which calls about each of these cases came."""
    return _by_id(await session.execute(_CASES, {"ids": list(ids)}) if ids else ())


def came_to(queues: Collection[str], conversation: Any = Conversation) -> ColumnElement[bool]:
    """Of a call: it came to one of the queues."""
    waited = exists().where(Wait.conversation_id == conversation.id, Wait.queue.in_(queues))
    sent = exists().where(
        Routing.node == conversation.node, Routing.linkedid == conversation.linkedid, Routing.queue.in_(queues)
    )
    return or_(waited, sent)


def was_about(queues: Collection[str]) -> ColumnElement[bool]:
    """Of a case: a call about it came to one of the queues."""
    of_case = exists().where(CaseCall.case_id == Case.id, Conversation.id == CaseCall.conversation_id)
    return of_case.where(came_to(queues)).correlate(Case)


async def _customers(session: AsyncSession, ids: Collection[UUID], queues: list[str] | None) -> dict[UUID, list[str]]:
    if not ids:
        return {}
    own = select(CustomerPhone.customer_id, CustomerPhone.e164).where(
        CustomerPhone.customer_id.in_(ids), CustomerPhone.e164.is_not(None)
    )
    spelt = [(row[0], way) for row in await session.execute(own) for way in spellings(row[1])]
    asked = {"ids": list(ids), "queues": queues}
    numbers = {"owners": [each[0] for each in spelt], "numbers": [each[1] for each in spelt]}
    return _by_id(await session.execute(_CUSTOMERS, asked | numbers))


def _by_id(rows: Any) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for thing, queue in rows:
        found.setdefault(thing, []).append(queue)
    return found
