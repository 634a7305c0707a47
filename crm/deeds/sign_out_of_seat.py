"""An agent gets up: the session is closed and Asterisk is asked to take the seat out of its queues.

Never in the middle of a call: nobody leaves a caller behind. Asked for then, it comes after the call and its after-call
work (`leave_after_the_call`, carried out by crm/deeds/leave_by_time.py). Done twice, it is done once.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, wishes
from crm.hints import hint_live
from crm.refusals import Refusal
from crm.rules.pause_steps import LEAVING
from crm.tables.agents import SeatSession
from crm.tables.postures import Membership, Posture
from crm.tables.requests import PbxRequest

MID_CALL = {"ringing": "the phone is ringing", "talking": "a call is going on"}


async def sign_out_of_seat(
    session: AsyncSession, *, agent_id: UUID, asked_by: str, expiry_s: float, why: str = "signed_out"
) -> SeatSession | None:
    """The session that was closed; None when the agent sat nowhere. Refusal in the middle of a call. why: as what it is
    kept (signed_out, taken_over, lease_over)."""
    sitting = await agents.session_of(session, agent_id)
    if sitting is None:
        return None
    node, seat = sitting.node, sitting.seat
    await wishes.take_turn(session, node, seat)
    await session.refresh(sitting)
    if sitting.signed_out_at is not None:
        return None
    posture = await session.get(Posture, (node, seat), populate_existing=True)
    if posture is not None and posture.word in MID_CALL:
        raise Refusal(f"{MID_CALL[posture.word]} at {seat}: sign out after it")
    for queue in sorted(await _queues(session, node, seat)):
        await wishes.ask(
            session, node=node, seat=seat, kind="remove_member", queue=queue, asked_by=asked_by, expiry_s=expiry_s
        )
    sitting.signed_out_at = await session.scalar(select(func.now()))
    sitting.ended_by, sitting.ended_why = asked_by, why
    await hint_live(session, node, seats=[seat])
    return sitting


async def leave_after_the_call(
    session: AsyncSession, *, agent_id: UUID, asked_by: str, expiry_s: float
) -> PbxRequest | None:
    """Sign out at once where no call is going on; else no other call comes after this one, and then the agent signs
    out: the wish for that pause. Taken back by asking for no pause after all."""
    sitting = await agents.session_of(session, agent_id)
    if sitting is None:
        return None
    node, seat = sitting.node, sitting.seat
    await wishes.take_turn(session, node, seat)
    posture = await session.get(Posture, (node, seat), populate_existing=True)
    if posture is None or posture.word not in (*MID_CALL, "wrapping_up"):
        await sign_out_of_seat(session, agent_id=agent_id, asked_by=asked_by, expiry_s=expiry_s)
        return None
    await session.refresh(sitting)
    sitting.leaving_at = await session.scalar(select(func.now()))
    return await wishes.ask(
        session, node=node, seat=seat, kind="pause", reason=LEAVING, asked_by=asked_by, expiry_s=expiry_s
    )


async def _queues(session: AsyncSession, node: str, seat: str) -> set[str]:
    """Where the seat stands, and where it was asked to stand a moment ago."""
    standing = await session.scalars(
        select(Membership.queue).where(Membership.node == node, Membership.seat == seat, Membership.left_at.is_(None))
    )
    asked = await wishes.open_of(session, node, seat)
    return {*standing, *(wish.queue for wish in asked if wish.kind == "add_member" and wish.queue)}
