"""An agent's pause asked for by somebody who knows the agent, not the seat: the command line and other systems.

The same wishes as the agent's own page writes. Called by `kefu agent pause` and the REST door.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents
from crm.refusals import Refusal
from crm.tables.agents import SeatSession
from crm.tables.requests import PbxRequest

from .ask_for_pause import ask_for_pause, ask_for_unpause
from .finish_call import finish_without_outcome


class NoSuchAgent(Refusal):
    """Nobody signs in with this login."""


async def pause_agent(
    session: AsyncSession, login: str, reason: str, *, by: str, expiry_s: float
) -> tuple[SeatSession, PbxRequest | None]:
    """The wish and where they sit; no wish when it is so already."""
    at = await _sitting(session, login)
    node, seat = at.node, at.seat
    return at, await ask_for_pause(session, node=node, seat=seat, reason=reason, asked_by=by, expiry_s=expiry_s)


async def unpause_agent(
    session: AsyncSession, login: str, *, by: str, expiry_s: float, owes_outcome: bool = True
) -> tuple[SeatSession, PbxRequest | None]:
    """The wish that they are ready again. `owes_outcome`: after-call work that demands an outcome is not ended."""
    at = await _sitting(session, login)
    node, seat = at.node, at.seat
    if not owes_outcome:
        return at, await ask_for_unpause(session, node=node, seat=seat, asked_by=by, expiry_s=expiry_s)
    return at, await finish_without_outcome(
        session, agent_id=at.agent_id, node=node, seat=seat, asked_by=by, expiry_s=expiry_s
    )


async def _sitting(session: AsyncSession, login: str) -> SeatSession:
    known = await agents.find(session, login)
    if known is None:
        raise NoSuchAgent(f"there is no agent {login!r}: see `kefu agent list`")
    sitting = await agents.session_of(session, known.id)
    if sitting is None:
        raise Refusal(f"{login} sits at no seat: an agent is paused at the seat where they are signed in")
    return sitting
