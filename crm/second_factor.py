"""One-time codes beside the password (TOTP, RFC 6238), and codes on paper for when the phone is lost.

The secret lies in the database locked away with the site's key. A code counts once: the time step of the last one taken
is kept, and none of that step or before it is taken again. The only file that knows pyotp. Called by pages and the
command line.
"""

from __future__ import annotations

import secrets
from uuid import UUID

import pyotp
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from . import audit, site_key
from .refusals import Refusal
from .settings import Settings
from .tables.agents import Agent
from .tables.second_factor import HalfSignIn, RecoveryCode, SecondFactor

STEP_S = 30
DRIFT_STEPS = 1
RECOVERY_CODES = 10
ISSUER = "Kefu"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_TAKEN = text(
    "UPDATE second_factor SET last_step = :step WHERE agent_id = :agent_id AND last_step < :step RETURNING agent_id"
)


async def is_on(session: AsyncSession, agent_id: UUID) -> bool:
    """Whether this agent is asked for a code."""
    found = select(SecondFactor.agent_id).where(
        SecondFactor.agent_id == agent_id, SecondFactor.confirmed_at.is_not(None)
    )
    return await session.scalar(found) is not None


async def begin(session: AsyncSession, settings: Settings, agent_id: UUID) -> str:
    """A new secret for the agent's phone; it counts when the first code made with it was given. While one waits to be
    confirmed it is that one again: a page that is loaded twice shows the same picture."""
    kept = await session.get(SecondFactor, agent_id, with_for_update=True)
    if kept is not None and kept.confirmed_at is not None:
        raise Refusal("codes are asked for already: turn them off first")
    if kept is not None:
        return site_key.take_out(settings, kept.secret).decode()
    secret = pyotp.random_base32()
    row = insert(SecondFactor).values(agent_id=agent_id, secret=site_key.lock_away(settings, secret.encode()))
    await session.execute(row.on_conflict_do_nothing())
    return secret


def address(secret: str, login: str) -> str:
    """What an authenticator reads from the picture."""
    return str(pyotp.TOTP(secret, name=login, issuer=ISSUER).provisioning_uri())


async def confirm(session: AsyncSession, settings: Settings, agent: Agent, code: str, now: float) -> list[str] | None:
    """The first code proves that the phone has the secret: from now on codes are asked for. Returns the codes for
    paper, shown this once; None when the code is wrong."""
    kept = await session.get(SecondFactor, agent.id, with_for_update=True)
    if kept is None or kept.confirmed_at is not None:
        raise Refusal("there is nothing to confirm: begin again")
    if not await _take(session, settings, kept, code, now):
        return None
    await session.execute(
        update(SecondFactor).where(SecondFactor.agent_id == agent.id).values(confirmed_at=func.clock_timestamp())
    )
    await _note(session, agent, "second_factor.on", agent.login)
    return await new_recovery_codes(session, settings, agent)


async def check(session: AsyncSession, settings: Settings, agent: Agent, code: str, now: float) -> bool:
    """Whether this code lets the agent in: of the phone, or of paper. What was taken once is refused."""
    kept = await session.get(SecondFactor, agent.id, with_for_update=True)
    if kept is None or kept.confirmed_at is None:
        return False
    if await _take(session, settings, kept, code, now):
        return True
    used = (
        update(RecoveryCode)
        .where(RecoveryCode.agent_id == agent.id, RecoveryCode.code_hash == _mark(settings, agent.id, code))
        .where(RecoveryCode.used_at.is_(None))
        .values(used_at=func.clock_timestamp())
        .returning(RecoveryCode.agent_id)
    )
    if await session.scalar(used) is None:
        return False
    await _note(session, agent, "second_factor.recovered", agent.login)
    return True


async def new_recovery_codes(session: AsyncSession, settings: Settings, agent: Agent) -> list[str]:
    """Fresh codes for paper; the old ones are worth nothing from here on."""
    codes = [
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(2)) for _ in range(RECOVERY_CODES)
    ]
    await session.execute(delete(RecoveryCode).where(RecoveryCode.agent_id == agent.id))
    session.add_all(RecoveryCode(agent_id=agent.id, code_hash=_mark(settings, agent.id, code)) for code in codes)
    return codes


async def left(session: AsyncSession, agent_id: UUID) -> int:
    """How many codes on paper are still good."""
    rows = select(func.count()).where(RecoveryCode.agent_id == agent_id, RecoveryCode.used_at.is_(None))
    return await session.scalar(rows) or 0


async def turn_off(session: AsyncSession, agent: Agent, *, by: str) -> bool:
    """Ask this agent for no code any more. False when none was asked for."""
    gone = delete(SecondFactor).where(SecondFactor.agent_id == agent.id).returning(SecondFactor.confirmed_at)
    found = (await session.execute(gone)).first()
    await session.execute(delete(RecoveryCode).where(RecoveryCode.agent_id == agent.id))
    await session.execute(delete(HalfSignIn).where(HalfSignIn.agent_id == agent.id))
    if found is None or found.confirmed_at is None:
        return False
    await _note(session, agent, "second_factor.off", by)
    return True


async def _take(session: AsyncSession, settings: Settings, kept: SecondFactor, code: str, now: float) -> bool:
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
        return False
    made = pyotp.TOTP(site_key.take_out(settings, kept.secret).decode())
    step_now = int(now // STEP_S)
    for step in range(step_now - DRIFT_STEPS, step_now + DRIFT_STEPS + 1):
        if secrets.compare_digest(made.at(step * STEP_S), digits):
            taken = await session.scalar(_TAKEN, {"agent_id": kept.agent_id, "step": step})
            return taken is not None
    return False


def _mark(settings: Settings, agent_id: UUID, code: str) -> bytes:
    spelled = "".join(filter(str.isalnum, code.upper()))
    return site_key.mark(settings, f"{agent_id}:{spelled}".encode())


async def _note(session: AsyncSession, agent: Agent, did: str, by: str) -> None:
    await audit.note(session, by=by, did=did, subject="agent", subject_id=str(agent.id))
