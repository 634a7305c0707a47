"""What an agent asks by the codes of their phone: the same deeds as at the desk, by whoever sits at that seat.

22 pause (221, 222 …: the first, the second reason of the list), 23 ready, 24 sign out, after the call if there is one.
Called by the bridge, which hears the codes (asterisk-conf/dialplan/seat_codes.conf).
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, pauses
from crm.refusals import Refusal
from crm.tables.agents import Agent

from .ask_for_pause import ask_for_pause, ask_for_unpause
from .sign_out_of_seat import leave_after_the_call

PAUSE, READY, LEAVE = "22", "23", "24"


async def do_by_phone(session: AsyncSession, *, node: str, seat: str, code: str, expiry_s: float) -> None:
    """Refusal for a seat where nobody sits, for an unknown code, and for what the deed itself refuses."""
    sitting = await agents.session_at(session, node, seat)
    if sitting is None:
        raise Refusal(f"nobody sits at {seat}: sign in first")
    agent = await session.get_one(Agent, sitting.agent_id)
    if code == READY:
        await ask_for_unpause(session, node=node, seat=seat, asked_by=agent.login, expiry_s=expiry_s)
    elif code == LEAVE:
        await leave_after_the_call(session, agent_id=agent.id, asked_by=agent.login, expiry_s=expiry_s)
    elif code.startswith(PAUSE):
        reason = await _reason(session, code[len(PAUSE) :])
        await ask_for_pause(session, node=node, seat=seat, reason=reason, asked_by=agent.login, expiry_s=expiry_s)
    else:
        raise Refusal(f"code *{code} means nothing: *{PAUSE} pause, *{READY} ready, *{LEAVE} sign out")


async def _reason(session: AsyncSession, place: str) -> str:
    reasons = await pauses.listed(session)
    number = int(place) if place.isascii() and place.isdigit() else 1
    if not 1 <= number <= len(reasons):
        raise Refusal(f"there are {len(reasons)} pause reasons: *{PAUSE}{place} is none of them")
    return reasons[number - 1].name
