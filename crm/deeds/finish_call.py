"""Ending after-call work without an outcome: refused where the call's queue demands one.

The clock that ends after-call work by itself, and supervisors at the command line, are not asked.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import outcomes
from crm.refusals import Refusal
from crm.tables.requests import PbxRequest

from .ask_for_pause import ask_for_unpause


async def finish_without_outcome(
    session: AsyncSession, *, agent_id: UUID, node: str, seat: str, asked_by: str, expiry_s: float
) -> PbxRequest | None:
    """The wish to be ready. Refusal while an outcome is owed."""
    owed = await outcomes.owed(session, node=node, seat=seat, agent_id=agent_id)
    if owed is not None:
        raise Refusal(f"queue {owed.queue} needs an outcome of every talk of {owed.after_s} s and more: choose one")
    return await ask_for_unpause(session, node=node, seat=seat, asked_by=asked_by, expiry_s=expiry_s)
