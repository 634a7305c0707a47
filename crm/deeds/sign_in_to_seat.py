"""An agent sits down: the session is opened and Asterisk is asked to add the seat to the agent's queues and to its own.

In each queue the seat stands with the penalty of its agent's skills; where they will never do, it is not added. Done
twice, it is done once. Whether the seat really stands in the queues is told by the floor, not here.
"""

from __future__ import annotations

import re
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, skills, wishes
from crm.hints import hint_live
from crm.refusals import Refusal
from crm.rules.personal_queues import personal_queue
from crm.tables.agents import Agent, SeatSession
from crm.tables.postures import Membership

SEAT = re.compile(r"[A-Za-z0-9]{2,20}/[A-Za-z0-9._@+/-]{1,60}")


async def sign_in_to_seat(
    session: AsyncSession, *, agent_id: UUID, node: str, seat: str, expiry_s: float
) -> SeatSession:
    """The open session of this agent at this seat. Refusal when the seat is taken or the agent sits elsewhere."""
    if not SEAT.fullmatch(seat):
        raise Refusal(f"seat {seat!r} is no device: write it as Asterisk does, such as PJSIP/101")
    agent = await session.get(Agent, agent_id)
    if agent is None or not agent.active:
        raise Refusal("this agent may not sign in: ask a supervisor")
    await wishes.take_turn(session, node, seat)
    sitting = await agents.session_of(session, agent_id)
    if sitting is not None and (sitting.node, sitting.seat) != (node, seat):
        raise Refusal(f"{agent.name} sits at {sitting.seat} ({sitting.node}): sign out there first")
    if sitting is None:
        sitting = await _sit_down(session, agent, node, seat)
    standing = set(
        await session.scalars(
            select(Membership.queue).where(
                Membership.node == node, Membership.seat == seat, Membership.left_at.is_(None)
            )
        )
    )
    wanted = await skills.penalties_of(session, agent_id)
    if wanted and (own := personal_queue(seat)) is not None:
        wanted[own] = 0
    for queue, penalty in wanted.items():
        if queue not in standing and penalty is not None:
            await wishes.ask(
                session,
                node=node,
                seat=seat,
                kind="add_member",
                queue=queue,
                penalty=penalty,
                asked_by=agent.login,
                expiry_s=expiry_s,
            )
    await hint_live(session, node, seats=[seat])
    return sitting


async def _sit_down(session: AsyncSession, agent: Agent, node: str, seat: str) -> SeatSession:
    other = await agents.session_at(session, node, seat)
    if other is not None:
        sitter = await session.get_one(Agent, other.agent_id)
        raise Refusal(f"seat {seat} is taken by {sitter.name}: choose another seat, or let {sitter.login} sign out")
    opened, name = SeatSession(agent_id=agent.id, node=node, seat=seat), agent.name
    try:
        async with session.begin_nested():
            session.add(opened)
    except IntegrityError:  # the same agent sat down at another seat in this very moment
        raise Refusal(f"{name} has just sat down at another seat: sign out there first") from None
    return opened
