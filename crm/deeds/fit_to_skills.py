"""Skills or needs changed: seats that are sat at get the penalty that follows, at once and by wishes.

Who meets a queue's needs at no step leaves it, who does so now joins it; a call that goes on is not touched. Called by
the command line after a change of an agent's skill or a queue's need. Done twice, it is done once.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import skills, wishes
from crm.tables.agents import SeatSession
from crm.tables.postures import Membership
from crm.tables.requests import PbxRequest


async def fit_to_skills(
    session: AsyncSession, *, asked_by: str, expiry_s: float, agent_id: UUID | None = None
) -> list[PbxRequest]:
    """The wishes that bring memberships in line with skills, of one agent or of everybody who sits somewhere."""
    sitting = (
        select(SeatSession).where(SeatSession.signed_out_at.is_(None)).order_by(SeatSession.node, SeatSession.seat)
    )
    if agent_id is not None:
        sitting = sitting.where(SeatSession.agent_id == agent_id)
    asked: list[PbxRequest] = []
    for place in (await session.scalars(sitting)).all():
        asked += await _fit(session, place, asked_by, expiry_s)
    return asked


async def _fit(session: AsyncSession, place: SeatSession, asked_by: str, expiry_s: float) -> list[PbxRequest]:
    await wishes.take_turn(session, place.node, place.seat)
    standing = {
        row.queue: row.penalty
        for row in await session.scalars(
            select(Membership).where(
                Membership.node == place.node, Membership.seat == place.seat, Membership.left_at.is_(None)
            )
        )
    }
    asked = []
    for queue, penalty in (await skills.penalties_of(session, place.agent_id)).items():
        kind = _kind(standing.get(queue), penalty)
        if kind is not None:
            asked.append(
                await wishes.ask(
                    session,
                    node=place.node,
                    seat=place.seat,
                    kind=kind,
                    queue=queue,
                    penalty=penalty,
                    asked_by=asked_by,
                    expiry_s=expiry_s,
                )
            )
    return asked


def _kind(stands_at: int | None, wanted: int | None) -> str | None:
    if wanted is None:
        return None if stands_at is None else "remove_member"
    if stands_at is None:
        return "add_member"
    return None if stands_at == wanted else "set_penalty"
