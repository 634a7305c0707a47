"""A case is opened: by its category it gets a tier, clocks, and is its opener's own from then on.

One opened from a call is tied to it. Pressed twice it is one case. A case that begins at a higher tier (a complaint)
lies in that tier's queue until somebody there takes it; its opener owns it all the same.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases
from crm.cases import calls, categories, clocks
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.cases import Case
from crm.tables.customers import Customer

from .case_news import site_hours, tell_of

FIRST = "first_line"


async def open_case(
    session: AsyncSession,
    settings: Settings,
    *,
    owner: Agent,
    by: str,
    category: str,
    subject: str,
    description: str = "",
    customer_id: UUID | None = None,
    caller: str | None = None,
    conversation_id: UUID | None = None,
    opening_key: str | None = None,
) -> Case:
    """The new case; or the one that was opened with this key before. Refusal for what cannot be."""
    kind = await categories.find(session, category)
    if customer_id is not None and await session.get(Customer, customer_id) is None:
        raise Refusal("there is no such customer any more: look them up again")
    case, new = await cases.create(
        session,
        owner=owner,
        by=by,
        category=kind.code,
        tier=kind.starts_at,
        subject=subject,
        description=description,
        customer_id=customer_id,
        caller=caller if customer_id is None else None,
        handled=kind.starts_at == FIRST,
        opening_key=opening_key,
    )
    if conversation_id is not None:
        await calls.link(session, conversation_id, case.id, by=by)
    if not new:
        return case
    site, now = await site_hours(session, settings), datetime.now(UTC)
    await clocks.begin(session, case.id, "solve", kind.solve_minutes, now, site)
    if case.handler_id is None:
        await clocks.begin(session, case.id, "respond", kind.respond_minutes, now, site)
    await tell_of(session, case, "opened", by=by, detail={"category": case.category})
    return case
