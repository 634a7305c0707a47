"""Skills of agents and needs of queues, and the penalties that follow from them.

Called by pages, deeds (sitting down, a changed skill), reports and the command line. How needs become penalties is
rules/skills.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .rules.skills import LEVELS, Need, Step, Unfit, penalty, steps
from .tables.agents import Agent, AgentQueue
from .tables.queues import Queue
from .tables.routing import AgentSkill, QueueNeed

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Serving(Struct, frozen=True):
    """One agent of a queue: what they can, and where that puts them (None: not to be rung there)."""

    agent_id: UUID
    login: str
    name: str
    own_penalty: int
    skills: Mapping[str, int]
    penalty: int | None


async def set_level(session: AsyncSession, agent_id: UUID, skill: str, level: int) -> None:
    """How good an agent is at something; 0 takes the skill away."""
    _check_name(skill)
    if level == 0:
        await session.execute(delete(AgentSkill).where(AgentSkill.agent_id == agent_id, AgentSkill.skill == skill))
        return
    if level not in LEVELS:
        raise Refusal(f"level {level} cannot be: levels are {LEVELS[0]} to {LEVELS[-1]}, and 0 takes the skill away")
    row = insert(AgentSkill).values(agent_id=agent_id, skill=skill, level=level)
    await session.execute(row.on_conflict_do_update(index_elements=["agent_id", "skill"], set_={"level": level}))


async def of_agent(session: AsyncSession, agent_id: UUID) -> dict[str, int]:
    """What an agent can, by skill."""
    rows = select(AgentSkill).where(AgentSkill.agent_id == agent_id).order_by(AgentSkill.skill)
    return {row.skill: row.level for row in await session.scalars(rows)}


async def all_of(session: AsyncSession) -> dict[str, dict[str, int]]:
    """Login → skill → level, of everybody who has any."""
    rows = select(Agent.login, AgentSkill.skill, AgentSkill.level).join(Agent, Agent.id == AgentSkill.agent_id)
    found: dict[str, dict[str, int]] = {}
    for login, skill, level in await session.execute(rows.order_by(Agent.login, AgentSkill.skill)):
        found.setdefault(login, {})[skill] = level
    return found


async def set_need(session: AsyncSession, queue: str, skill: str, levels: Mapping[int, int]) -> None:
    """What a queue needs of a skill: seconds waited → level. Empty: nothing. Refusal when it makes no sense."""
    _check_name(skill)
    if await session.get(Queue, queue) is None:
        raise Refusal(f"there is no queue {queue!r}: see `kefu queue list`, or name it by `kefu queue name {queue}`")
    wanted = [Need(skill, minimum, after_s) for after_s, minimum in sorted(levels.items())]
    try:
        steps([*wanted, *(need for need in await _needs(session, queue) if need.skill != skill)])
    except Unfit as fault:
        raise Refusal(f"queue {queue}: {fault}") from None
    await session.execute(delete(QueueNeed).where(QueueNeed.queue == queue, QueueNeed.skill == skill))
    session.add_all(QueueNeed(queue=queue, skill=skill, after_s=need.after_s, minimum=need.minimum) for need in wanted)
    await session.flush()


async def queues_with_needs(session: AsyncSession) -> list[str]:
    """Queues that need any skill, by name."""
    return list(await session.scalars(select(QueueNeed.queue).distinct().order_by(QueueNeed.queue)))


async def steps_of(session: AsyncSession, queue: str) -> list[Step]:
    """The steps of a queue; none when it needs no skill."""
    return steps(await _needs(session, queue))


async def serving(session: AsyncSession, queue: str) -> list[Serving]:
    """The active agents of a queue by login, each with the penalty they would be rung at."""
    of = await steps_of(session, queue)
    skills = await _skills(session)
    rows = await session.execute(
        select(Agent, AgentQueue.penalty)
        .join(AgentQueue, AgentQueue.agent_id == Agent.id)
        .where(AgentQueue.queue == queue, Agent.active)
        .order_by(Agent.login)
    )
    return [
        Serving(agent.id, agent.login, agent.name, own, has, penalty(has, of, own))
        for agent, own in rows
        for has in (skills.get(agent.id, {}),)
    ]


async def penalties_of(session: AsyncSession, agent_id: UUID) -> dict[str, int | None]:
    """Queue → penalty of all queues an agent serves; None: never to be rung there."""
    has = await of_agent(session, agent_id)
    served = await session.execute(
        select(AgentQueue.queue, AgentQueue.penalty).where(AgentQueue.agent_id == agent_id).order_by(AgentQueue.queue)
    )
    return {queue: penalty(has, await steps_of(session, queue), own) for queue, own in served.all()}


async def _needs(session: AsyncSession, queue: str) -> list[Need]:
    rows: Iterable[QueueNeed] = await session.scalars(select(QueueNeed).where(QueueNeed.queue == queue))
    return [Need(row.skill, row.minimum, row.after_s) for row in rows]


async def _skills(session: AsyncSession) -> dict[UUID, dict[str, int]]:
    found: dict[UUID, dict[str, int]] = {}
    for row in await session.scalars(select(AgentSkill)):
        found.setdefault(row.agent_id, {})[row.skill] = row.level
    return found


def _check_name(skill: str) -> None:
    if not NAME.fullmatch(skill):
        raise Refusal(f"skill {skill!r} cannot be: write small letters, digits, '_' and '-', such as english")
