"""Work orders: what a case asks of another department, when it is due, what was answered, how both sides rate it.

A change takes the order's turn (its row's lock) and may name the version that was seen. Called by deeds, pages and the
command line.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.work_orders import WORK_ORDER_STATES, WorkOrder

LISTS = ("open", "overdue", "answered", "all")
TEXT_CHARACTERS = 8000
PENDING = ("open", "taken")

_LIST = text(
    """
SELECT o.id, o.number, o.department, d.name_en, d.name_zh, o.wanted, o.state, o.version, o.asked_at, o.due_at,
       o.state IN ('open', 'taken') AND o.due_at < clock_timestamp() OR coalesce(o.answered_at > o.due_at, false)
           AS overdue,
       asker.login AS asked_by, asker.name AS asked_by_name, taker.login AS taken_by, taker.name AS taken_by_name,
       o.taken_at, o.answer, answerer.login AS answered_by, answerer.name AS answered_by_name, o.answered_at,
       o.request_rating, o.request_remark, o.answer_rating, o.answer_remark,
       c.number AS case_number, c.subject, c.tier, c.state AS case_state
  FROM work_order o
  JOIN department d ON d.code = o.department
  JOIN customer_case c ON c.id = o.case_id
  JOIN agent asker ON asker.id = o.asked_by
  LEFT JOIN agent taker ON taker.id = o.taken_by
  LEFT JOIN agent answerer ON answerer.id = o.answered_by
 WHERE (CAST(:departments AS text[]) IS NULL OR o.department = ANY(:departments))
   AND (CAST(:case_id AS uuid) IS NULL OR o.case_id = :case_id)
   AND (CAST(:number AS text) IS NULL OR o.number = :number)
   AND CASE CAST(:list AS text)
            WHEN 'all' THEN true
            WHEN 'answered' THEN o.state IN ('answered', 'refused', 'withdrawn')
            WHEN 'overdue' THEN o.state IN ('open', 'taken') AND o.due_at < clock_timestamp()
            ELSE o.state IN ('open', 'taken') END
 ORDER BY CASE WHEN o.state IN ('open', 'taken') THEN o.due_at END NULLS LAST, o.asked_at DESC, o.number
 LIMIT :limit
"""
)


class Listed(Struct, frozen=True):
    """One order with the names of those it goes between. `overdue`: late now, or answered late."""

    id: UUID
    number: str
    department: str
    name_en: str
    name_zh: str
    wanted: str
    state: str
    version: int
    asked_at: datetime
    due_at: datetime
    overdue: bool
    asked_by: str
    asked_by_name: str
    taken_by: str | None
    taken_by_name: str | None
    taken_at: datetime | None
    answer: str
    answered_by: str | None
    answered_by_name: str | None
    answered_at: datetime | None
    request_rating: int | None
    request_remark: str
    answer_rating: int | None
    answer_remark: str
    case_number: str
    subject: str
    tier: str
    case_state: str


class NoSuchOrder(Refusal):
    """No work order has this number, or it is another department's: one answer to both."""


async def give(
    session: AsyncSession,
    *,
    case_id: UUID,
    case_number: str,
    department: str,
    wanted: str,
    asked_by: UUID,
    due_at: datetime,
) -> WorkOrder:
    """Ask something of a department. The case's turn must have been taken: orders of one case are numbered in a row."""
    wanted = words(wanted, "work order")
    if not wanted:
        raise Refusal("say what the department is to do")
    if due_at <= datetime.now(UTC):
        raise Refusal("a work order is due in the future")
    last = await session.scalar(select(func.max(WorkOrder.place)).where(WorkOrder.case_id == case_id))
    place = (last or 0) + 1
    order = WorkOrder(
        case_id=case_id, place=place, number=f"{case_number}-{place}", department=department, wanted=wanted,
        asked_by=asked_by, due_at=due_at,
    )  # fmt: skip
    session.add(order)
    await session.flush()
    await session.refresh(order)
    return order


async def take_turn(
    session: AsyncSession, number: str, *, version: int | None = None, departments: list[str] | None = None
) -> WorkOrder:
    """The order, locked. NoSuchOrder, also where it is none of these departments' (None: of any)."""
    order: WorkOrder | None = await session.scalar(
        select(WorkOrder).where(WorkOrder.number == number.replace("\x00", "")).with_for_update(),
        execution_options={"populate_existing": True},
    )
    if order is None or (departments is not None and order.department not in departments):
        raise NoSuchOrder(f"there is no work order {number[:40]}")
    if version is not None and version != order.version:
        raise Refusal(f"somebody changed work order {order.number} meanwhile: look at it, then send yours again")
    return order


async def change(session: AsyncSession, order: WorkOrder, **fields: Any) -> None:
    """Set fields of an order whose turn was taken."""
    if fields.get("state") not in (None, *WORK_ORDER_STATES):
        raise Refusal(f"state {fields['state']!r} is unknown: it is one of {', '.join(WORK_ORDER_STATES)}")
    for name, value in fields.items():
        setattr(order, name, value)
    order.version += 1
    await session.flush()


async def listed(
    session: AsyncSession,
    which: str = "open",
    *,
    departments: list[str] | None = None,
    case_id: UUID | None = None,
    limit: int = 200,
) -> list[Listed]:
    """Orders of a list, of these departments (None: of all), those that are due first on top."""
    asked = {"list": which, "departments": departments, "case_id": case_id, "number": None, "limit": limit}
    return [Listed(**row) for row in (await session.execute(_LIST, asked)).mappings()]


async def find(session: AsyncSession, number: str, *, departments: list[str] | None = None) -> Listed:
    """One order. NoSuchOrder as in `take_turn`."""
    asked = {"list": "all", "departments": departments, "case_id": None, "number": number.replace("\x00", "")}
    row = (await session.execute(_LIST, {**asked, "limit": 1})).mappings().one_or_none()
    if row is None:
        raise NoSuchOrder(f"there is no work order {number[:40]}")
    return Listed(**row)


async def pending_of(session: AsyncSession, case_id: UUID) -> bool:
    """Whether a department still owes this case an answer."""
    pending = exists().where(WorkOrder.case_id == case_id, WorkOrder.state.in_(PENDING))
    return bool(await session.scalar(select(pending)))


async def overdue(session: AsyncSession, *, limit: int = 200) -> list[WorkOrder]:
    """Orders that came to be late since somebody looked, locked for whoever notes it."""
    late = select(WorkOrder).where(
        WorkOrder.overdue_at.is_(None), WorkOrder.state.in_(PENDING), WorkOrder.due_at < func.clock_timestamp()
    )
    return list(await session.scalars(late.order_by(WorkOrder.due_at).limit(limit).with_for_update(skip_locked=True)))


def words(value: str, what: str) -> str:
    """Text of several lines. Refusal when it is too long."""
    kept = value.replace("\x00", "").replace("\r\n", "\n").strip()
    if len(kept) > TEXT_CHARACTERS:
        raise Refusal(f"the {what} has {len(kept)} characters: {TEXT_CHARACTERS} fit")
    return kept
