"""An agent sits down: the session is opened and Asterisk is asked to add the seat to the agent's queues and to its own.

In each queue the seat stands with the penalty of its agent's skills; where they will never do, it is not added. Done
twice, it is done once. Whether the seat really stands in the queues is told by the floor, not here. A seat that
somebody has, and a phone that is not there, are said first, and taken all the same by whoever then insists.
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
from crm.tables.postures import Membership, Posture

from .sign_out_of_seat import sign_out_of_seat

AWAY = ("UNAVAILABLE", "INVALID")
SEAT = re.compile(r"[A-Za-z0-9]{2,20}/[A-Za-z0-9._@+/-]{1,60}")


class SeatTaken(Refusal):
    """Somebody sits there; who insists takes the seat over, unless a call is going on."""


class PhoneAway(Refusal):
    """The seat's phone is not registered; who insists sits down all the same."""


async def sign_in_to_seat(
    session: AsyncSession,
    *,
    agent_id: UUID,
    node: str,
    seat: str,
    expiry_s: float,
    take_over: bool = False,
    without_phone: bool = True,
) -> SeatSession:
    """The open session of this agent at this seat. Refusal when the agent sits elsewhere, SeatTaken when somebody sits
    there and take_over was not said, PhoneAway when its phone is not there and without_phone was not said."""
    if not SEAT.fullmatch(seat):
        raise Refusal(f"seat {seat!r} is no device: write it as Asterisk does, such as PJSIP/101")
    agent = await session.get(Agent, agent_id)
    if agent is None or not agent.active:
        raise Refusal("this agent may not sign in: ask a supervisor")
    await wishes.take_turn(session, node, seat)
    sitting = await agents.session_of(session, agent_id)
    if sitting is not None and (sitting.node, sitting.seat) != (node, seat):
        raise Refusal(f"{agent.name} sits at {sitting.seat} ({sitting.node}): sign out there first")
    taken = False
    if sitting is None:
        if not without_phone:
            await _look_at_phone(session, node, seat)
        taken = await _make_room(session, agent, node, seat, take_over=take_over, expiry_s=expiry_s)
        sitting = await _sit_down(session, agent, node, seat)
    standing = set() if taken else await _standing(session, node, seat)
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


async def _standing(session: AsyncSession, node: str, seat: str) -> set[str]:
    rows = select(Membership.queue).where(
        Membership.node == node, Membership.seat == seat, Membership.left_at.is_(None)
    )
    return set(await session.scalars(rows))


async def _look_at_phone(session: AsyncSession, node: str, seat: str) -> None:
    posture = await session.get(Posture, (node, seat), populate_existing=True)
    if posture is not None and posture.device_state in AWAY:
        raise PhoneAway(f"the phone of seat {seat} is not there: switch it on, or sit down all the same")


async def _make_room(
    session: AsyncSession, agent: Agent, node: str, seat: str, *, take_over: bool, expiry_s: float
) -> bool:
    """Whether somebody had to go."""
    other = await agents.session_at(session, node, seat)
    if other is None:
        return False
    sitter = await session.get_one(Agent, other.agent_id)
    if not take_over:
        raise SeatTaken(f"seat {seat} is taken by {sitter.name}: choose another seat, or let {sitter.login} sign out")
    await sign_out_of_seat(session, agent_id=sitter.id, asked_by=agent.login, expiry_s=expiry_s, why="taken_over")
    await session.flush()
    return True


async def _sit_down(session: AsyncSession, agent: Agent, node: str, seat: str) -> SeatSession:
    opened, name = SeatSession(agent_id=agent.id, node=node, seat=seat), agent.name
    try:
        async with session.begin_nested():
            session.add(opened)
    except IntegrityError:  # the same agent sat down at another seat in this very moment
        raise Refusal(f"{name} has just sat down at another seat: sign out there first") from None
    return opened
