"""What an agent may do and see: the role, the queues they are bound to, whether they may come in at all.

Each change is noted in the audit by the same transaction. One active administrator always stays. Called by the command
line; who holds what is said in crm/rules/rights.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from . import audit, queue_sight
from .refusals import Refusal
from .tables.agents import ROLES, Agent, AgentScope, RoleScope, SignIn


async def set_role(session: AsyncSession, login: str, role: str, *, by: str) -> None:
    """Give an agent another role, from their next click on. Refusal for the last administrator."""
    if role not in ROLES:
        raise Refusal(f"role {role!r} is unknown: it is one of {', '.join(ROLES)}")
    agent = await _locked(session, login)
    if agent.role == role:
        return
    if agent.role == "admin":
        await _another_admin(session, agent)
    before, agent.role = agent.role, role
    if role == "admin":
        await session.execute(delete(AgentScope).where(AgentScope.agent_id == agent.id))
    await _note(session, agent, "agent.role", by, {"from": before, "to": role})


async def set_active(session: AsyncSession, login: str, active: bool, *, by: str) -> None:
    """Let an agent in again, or shut them out: their browsers are signed out at once. Refusal for the last
    administrator."""
    agent = await _locked(session, login)
    if agent.active == active:
        return
    if not active:
        if agent.role == "admin":
            await _another_admin(session, agent)
        await session.execute(delete(SignIn).where(SignIn.agent_id == agent.id))
    agent.active = active
    await _note(session, agent, "agent.let_in" if active else "agent.shut_out", by, {})


async def bind(session: AsyncSession, login: str, queues: Sequence[str], *, by: str) -> None:
    """Let an agent see the calls of these queues alone; with none of them, whatever the role sees."""
    agent = await _locked(session, login)
    if agent.role == "admin" and queues:
        raise Refusal(f"{login} is an administrator, who sees everything: give another role first")
    await queue_sight.check_known(session, queues)
    await session.execute(delete(AgentScope).where(AgentScope.agent_id == agent.id))
    session.add_all(AgentScope(agent_id=agent.id, queue=queue) for queue in dict.fromkeys(queues))
    await _note(session, agent, "agent.bind", by, {"queues": list(queues)})


async def bind_role(session: AsyncSession, role: str, queues: Sequence[str], *, by: str) -> None:
    """The same for all people of a role who are bound to nothing of their own."""
    if role not in ROLES:
        raise Refusal(f"role {role!r} is unknown: it is one of {', '.join(ROLES)}")
    if role == "admin" and queues:
        raise Refusal("administrators see everything: bind another role")
    await queue_sight.check_known(session, queues)
    await session.execute(delete(RoleScope).where(RoleScope.role == role))
    session.add_all(RoleScope(role=role, queue=queue) for queue in dict.fromkeys(queues))
    detail = {"queues": list(queues)}
    await audit.note(session, by=by, did="role.bind", subject="role", subject_id=role, detail=detail)


async def _locked(session: AsyncSession, login: str) -> Agent:
    """The agent, locked together with all administrators in one order: of two who go at once, one is told to stay."""
    concerned = select(Agent).where(or_(Agent.login == login.replace("\x00", ""), Agent.role == "admin"))
    rows = await session.scalars(concerned.order_by(Agent.id).with_for_update())
    found = next((agent for agent in rows if agent.login == login), None)
    if found is None:
        raise Refusal(f"there is no agent {login!r}: see `kefu agent list`")
    return found


async def _another_admin(session: AsyncSession, agent: Agent) -> None:
    others = select(Agent.id).where(Agent.role == "admin", Agent.active, Agent.id != agent.id)
    if (await session.scalars(others.limit(1))).first() is None:
        raise Refusal(f"{agent.login} is the last administrator: make somebody else one first")


async def _note(session: AsyncSession, agent: Agent, did: str, by: str, detail: dict[str, object]) -> None:
    await audit.note(session, by=by, did=did, subject="agent", subject_id=str(agent.id), detail=detail)
