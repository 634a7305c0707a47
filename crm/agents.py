"""Agents: their names, passwords, queues, and the seats they sit at. Written by pages and the command line.

Passwords are argon2, checked in a thread (one check takes some 50 ms of one core) and in the same time for a login that
does not exist. Called by pages, deeds and the command line.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from functools import cache
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .rules.agent_state import Asked, Seen, Shown, agent_state
from .rules.personal_queues import LIKE as PERSONAL
from .rules.skills import OWN_AT_MOST
from .tables.agents import ROLES, Agent, AgentQueue, AgentScope, RoleScope, SeatSession
from .tables.postures import Membership, Posture
from .tables.queues import Queue
from .tables.requests import PbxRequest

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
PASSWORD_CHARACTERS = (8, 256)
_hasher = PasswordHasher()


class AgentListed(Struct, frozen=True):
    """One agent with the state a screen would show; `seat` and `node` are None when signed out."""

    login: str
    name: str
    role: str
    active: bool
    node: str | None
    seat: str | None
    state: str
    since: datetime | None
    reason: str | None
    next: str | None
    queues: list[str]


async def create(
    session: AsyncSession, *, login: str, name: str, password: str, role: str = "agent", language: str = "en"
) -> Agent:
    """A new agent. Refusal when the login is taken or unfit, or the password too short."""
    if not LOGIN.fullmatch(login):
        raise Refusal(f"login {login!r} cannot be used: write 1 to 64 letters, digits, '.', '_', '@' or '-'")
    if not name.strip() or not name.isprintable():
        raise Refusal(f"the name of {login!r} must be printable and not empty")
    if role not in ROLES:
        raise Refusal(f"role {role!r} is unknown: it is one of {', '.join(ROLES)}")
    created = insert(Agent).values(
        id=func.gen_random_uuid(),
        login=login,
        name=name.strip(),
        password_hash=await hash_password(password),
        role=role,
        language=language,
        active=True,
    )
    agent: Agent | None = await session.scalar(
        created.on_conflict_do_nothing(index_elements=["login"]).returning(Agent)
    )
    if agent is None:
        raise Refusal(f"an agent with the login {login!r} exists already: choose another login")
    return agent


async def hash_password(password: str) -> str:
    """The argon2 hash to store. Refusal when the password is too short or absurdly long."""
    shortest, longest = PASSWORD_CHARACTERS
    if not shortest <= len(password) <= longest:
        raise Refusal(f"the password must have {shortest} to {longest} characters")
    return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(session: AsyncSession, login: str, password: str) -> Agent | None:
    """The active agent with this login and password, else None, without telling which of the two was wrong.

    A hash made with older costs is made anew, so the session must be one that writes.
    """
    agent = await find(session, login)
    known = agent is not None and agent.active
    stored = agent.password_hash if agent is not None and known else await asyncio.to_thread(_nobodys_hash)
    if len(password) > PASSWORD_CHARACTERS[1]:
        return None
    fits = await asyncio.to_thread(_fits, stored, password)
    if agent is None or not known or not fits:
        return None
    if _hasher.check_needs_rehash(stored):
        agent.password_hash = await hash_password(password)
    return agent


async def find(session: AsyncSession, login: str) -> Agent | None:
    """The agent who signs in with `login`."""
    if "\x00" in login:
        return None
    found: Agent | None = await session.scalar(select(Agent).where(Agent.login == login))
    return found


async def serve(session: AsyncSession, agent_id: UUID, queue: str, *, penalty: int = 0) -> None:
    """Let the agent serve `queue` from the next sign-in on. Refusal when there is no such queue."""
    if not 0 <= penalty <= OWN_AT_MOST:
        raise Refusal(f"penalty {penalty} cannot be given: 0 to {OWN_AT_MOST}, higher ones are those of missing skills")
    if await session.get(Queue, queue) is None:
        raise Refusal(f"there is no queue {queue!r}: see `kefu queue list`, or name it by `kefu queue name {queue}`")
    row = insert(AgentQueue).values(agent_id=agent_id, queue=queue, penalty=penalty)
    await session.execute(row.on_conflict_do_update(index_elements=["agent_id", "queue"], set_={"penalty": penalty}))


async def queues_of(session: AsyncSession, agent_id: UUID) -> list[AgentQueue]:
    """The queues an agent serves, by name."""
    rows = select(AgentQueue).where(AgentQueue.agent_id == agent_id).order_by(AgentQueue.queue)
    return list(await session.scalars(rows))


async def scope_of(session: AsyncSession, agent: Agent) -> list[str] | None:
    """The queues whose calls this agent may see; None: of all."""
    own = select(AgentScope.queue).where(AgentScope.agent_id == agent.id).order_by(AgentScope.queue)
    of_role = select(RoleScope.queue).where(RoleScope.role == agent.role).order_by(RoleScope.queue)
    return list(await session.scalars(own)) or list(await session.scalars(of_role)) or None


async def session_of(session: AsyncSession, agent_id: UUID) -> SeatSession | None:
    """The seat the agent sits at now."""
    rows = select(SeatSession).where(SeatSession.agent_id == agent_id, SeatSession.signed_out_at.is_(None))
    found: SeatSession | None = await session.scalar(rows)
    return found


async def session_at(session: AsyncSession, node: str, seat: str) -> SeatSession | None:
    """Who sits at this seat now."""
    rows = select(SeatSession).where(
        SeatSession.node == node, SeatSession.seat == seat, SeatSession.signed_out_at.is_(None)
    )
    found: SeatSession | None = await session.scalar(rows)
    return found


async def stay(session: AsyncSession, node: str, seat: str) -> None:
    """Whoever was to sign out of this seat after the call stays."""
    leaving = (SeatSession.node == node, SeatSession.seat == seat, SeatSession.signed_out_at.is_(None))
    await session.execute(update(SeatSession).where(*leaving).values(leaving_at=None))


async def show_oneself(session: AsyncSession, agent_id: UUID) -> None:
    """The agent's page is there: their lease of the seat begins anew."""
    sitting = (SeatSession.agent_id == agent_id, SeatSession.signed_out_at.is_(None))
    await session.execute(update(SeatSession).where(*sitting).values(seen_at=func.clock_timestamp()))


async def last_ended(session: AsyncSession, agent_id: UUID) -> SeatSession | None:
    """The session that this agent sat in last, when it has ended."""
    rows = select(SeatSession).where(SeatSession.agent_id == agent_id).order_by(SeatSession.signed_in_at.desc())
    rows = rows.limit(1)
    found: SeatSession | None = await session.scalar(rows)
    return found if found is not None and found.signed_out_at is not None else None


async def listed(session: AsyncSession) -> list[AgentListed]:
    """All agents by login, each with the word that says what they do."""
    sitting = (SeatSession.agent_id == Agent.id) & SeatSession.signed_out_at.is_(None)
    at_seat = (Posture.node == SeatSession.node) & (Posture.seat == SeatSession.seat)
    rows = await session.execute(
        select(Agent, SeatSession, Posture)
        .outerjoin(SeatSession, sitting)
        .outerjoin(Posture, at_seat)
        .order_by(Agent.login)
    )
    wishes = await _open_wishes(session)
    queues = await _queues(session)
    found = []
    for agent, seated, posture in rows:
        place = (seated.node, seated.seat) if seated else (None, None)
        shown = _shown(seated, posture, wishes.get(place, []))
        standing = queues.get(place, []) if seated else []
        found.append(
            AgentListed(
                login=agent.login,
                name=agent.name,
                role=agent.role,
                active=agent.active,
                node=place[0],
                seat=place[1],
                state=shown.word,
                since=shown.since,
                reason=shown.reason,
                next=shown.next,
                queues=standing,
            )
        )
    return found


def _shown(seated: SeatSession | None, posture: Posture | None, wishes: list[Asked]) -> Shown:
    seen = Seen(posture.word, posture.since, posture.pause_reason, posture.next_reason) if posture else None
    return agent_state(seen, signed_in=seated is not None, open_wishes=wishes)


async def _open_wishes(session: AsyncSession) -> dict[tuple[str | None, str | None], list[Asked]]:
    rows = await session.scalars(
        select(PbxRequest)
        .where(PbxRequest.state.in_(("wanted", "sent")), PbxRequest.expires_at > func.clock_timestamp())
        .order_by(PbxRequest.wanted_at)
    )
    found: dict[tuple[str | None, str | None], list[Asked]] = {}
    for wish in rows:
        found.setdefault((wish.node, wish.seat), []).append(Asked(wish.kind, wish.reason))
    return found


async def _queues(session: AsyncSession) -> dict[tuple[str | None, str | None], list[str]]:
    standing = select(Membership).where(Membership.left_at.is_(None), Membership.queue.not_like(PERSONAL))
    rows = await session.scalars(standing.order_by(Membership.queue))
    found: dict[tuple[str | None, str | None], list[str]] = {}
    for row in rows:
        found.setdefault((row.node, row.seat), []).append(row.queue)
    return found


def _fits(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("the password of nobody")
