"""Tokens of programs are made and taken back, and the audit notes it. Called by the command line and the pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from crm import api_tokens, audit


async def add(
    session: AsyncSession,
    *,
    name: str,
    scopes: Sequence[str],
    by: str,
    queues: Sequence[str] = (),
    a_minute: int = 600,
    expires_at: datetime | None = None,
) -> str:
    """As api_tokens.add."""
    made = await api_tokens.add(
        session, name=name, scopes=scopes, by=by, a_minute=a_minute, expires_at=expires_at, queues=queues
    )
    detail = {"scopes": sorted(set(scopes)), "a_minute": a_minute, "expires_at": expires_at}
    if queues:
        detail["queues"] = sorted(set(queues))
    await audit.note(session, by=by, did="token.add", subject="token", subject_id=name, detail=detail)
    return made


async def revoke(session: AsyncSession, name: str, *, by: str) -> None:
    """As api_tokens.revoke."""
    await api_tokens.revoke(session, name, by=by)
    await audit.note(session, by=by, did="token.revoke", subject="token", subject_id=name)
