"""Programs that ask the REST door: their tokens, what each may do, how often, and the answers kept for those who ask
the same twice.

A token is shown once, when it is made; only SHA-256 of it is stored. Its scopes are words of crm/rules/rights.py.
Called by the command line and the api.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from . import queue_sight
from .refusals import Refusal
from .tables.api_tokens import ApiToken, IdempotencyKey

PREFIX = "kefu_"
TOKEN_BYTES = 32
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,59}")
TOUCH = text("interval '1 minute'")

SCOPES: dict[str, str] = {
    "customer.read": "list, search and read customers and their numbers",
    "customer.edit": "create and change customers and their numbers",
    "order.read": "read orders",
    "order.edit": "put orders",
    "conversation.read_all": "read calls",
    "case.read": "list and read cases",
    "case.edit": "open cases, add notes to them",
    "callback.edit": "promise, list, move and cancel callbacks",
    "agent.pause": "pause agents, and make them ready again",
    "wallboard.read": "read agents' states and queues",
    "event.read": "read announcements (the snapshot of webhooks)",
}
"""What a token may be given: permissions of which the REST door makes use."""


class Program(Struct, frozen=True):
    """Whoever shows a token."""

    token_id: UUID
    name: str
    scopes: frozenset[str]
    a_minute: int
    queues: frozenset[str] | None = None
    """It is shown what these have seen alone; None: everything."""


class TokenListed(Struct, frozen=True):
    """One token, without what proves it."""

    name: str
    scopes: list[str]
    queues: list[str] | None
    a_minute: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


async def add(
    session: AsyncSession,
    *,
    name: str,
    scopes: Sequence[str],
    by: str,
    a_minute: int = 600,
    expires_at: datetime | None = None,
    queues: Sequence[str] = (),
) -> str:
    """A new token; this answer alone holds it. Refusal for a name that is taken, a scope or a queue that is none.

    `queues`: it is shown what these have seen alone; none: everything.
    """
    if not NAME.fullmatch(name):
        raise Refusal("a token's name has 1 to 60 letters, digits, blanks, '.', '_', '@' or '-'")
    if not scopes:
        raise Refusal(f"a token needs a scope: {', '.join(SCOPES)}")
    if strange := [scope for scope in scopes if scope not in SCOPES]:
        raise Refusal(f"scope {strange[0]!r} is unknown: it is one of {', '.join(SCOPES)}")
    await queue_sight.check_known(session, queues)
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    row = insert(ApiToken).values(
        id=func.gen_random_uuid(),
        name=name,
        token_hash=_hash_of(token),
        scopes=sorted(set(scopes)),
        queues=sorted(set(queues)) or None,
        a_minute=a_minute,
        created_by=by,
        expires_at=expires_at,
    )
    added = await session.scalar(row.on_conflict_do_nothing(index_elements=["name"]).returning(ApiToken.id))
    if added is None:
        raise Refusal(f"there is a token {name!r} already, revoked ones among them: choose another name")
    return token


async def listed(session: AsyncSession) -> list[TokenListed]:
    """All tokens by name, the revoked ones too."""
    columns = [getattr(ApiToken, name) for name in TokenListed.__struct_fields__]
    rows = await session.execute(select(*columns).order_by(ApiToken.name))
    return [TokenListed(**row) for row in rows.mappings()]


async def revoke(session: AsyncSession, name: str, *, by: str) -> None:
    """The token is worth nothing from here on. Refusal when there is none, or it was revoked before."""
    row = update(ApiToken).where(ApiToken.name == name, ApiToken.revoked_at.is_(None))
    gone = await session.execute(row.values(revoked_at=func.clock_timestamp(), revoked_by=by))
    if not gone.rowcount:  # type: ignore[attr-defined]
        raise Refusal(f"there is no token {name!r} that is in force: see `kefu token list`")


async def who_shows(session: AsyncSession, token: str) -> Program | None:
    """The program of a token that is in force; None for all others."""
    if not token.startswith(PREFIX) or len(token) > 100 or not token.isascii():
        return None
    found = select(ApiToken).where(
        ApiToken.token_hash == _hash_of(token),
        ApiToken.revoked_at.is_(None),
        (ApiToken.expires_at.is_(None)) | (ApiToken.expires_at > func.clock_timestamp()),
    )
    row: ApiToken | None = await session.scalar(found)
    if row is None:
        return None
    queues = None if row.queues is None else frozenset(row.queues)
    return Program(row.id, row.name, frozenset(row.scopes), row.a_minute, queues)


async def note_use(session: AsyncSession, token_id: UUID) -> None:
    """Remember that the token was used, to the minute."""
    stale = (ApiToken.last_used_at.is_(None)) | (ApiToken.last_used_at < func.clock_timestamp() - TOUCH)
    await session.execute(
        update(ApiToken).where(ApiToken.id == token_id, stale).values(last_used_at=func.clock_timestamp())
    )


async def kept_answer(session: AsyncSession, token_id: UUID, key: str) -> IdempotencyKey | None:
    """The answer that was given under this key. From here to the end of the transaction nobody else asks under it."""
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
    await session.execute(lock, {"key": f"{token_id} {key}"})
    return await session.get(IdempotencyKey, (token_id, key))


async def keep_answer(
    session: AsyncSession,
    token_id: UUID,
    key: str,
    *,
    request_hash: bytes,
    status: int,
    headers: dict[str, str],
    body: bytes,
) -> None:
    """Keep an answer with the work that it tells of: both are committed, or neither."""
    session.add(
        IdempotencyKey(token_id=token_id, key=key, request_hash=request_hash, status=status, headers=headers, body=body)
    )
    await session.flush()


async def forget_answers(session: AsyncSession, *, before: datetime) -> int:
    """Drop kept answers that are older; return how many."""
    gone: Any = await session.execute(delete(IdempotencyKey).where(IdempotencyKey.at < before))
    return int(gone.rowcount)


def _hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
