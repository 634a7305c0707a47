"""Subscribers are added, paused, told again and forgotten, and the audit notes it. Called by the command line and the
pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, webhooks
from crm.hints import hint_announced
from crm.outgoing import check_url
from crm.refusals import Refusal
from crm.rules.signature import read_secret
from crm.settings import Settings

from .deliver_webhooks import reach_of


async def add(
    session: AsyncSession,
    settings: Settings,
    *,
    name: str,
    url: str,
    kinds: Sequence[str],
    by: str,
    queues: Sequence[str] = (),
    secret: str | None = None,
) -> str:
    """As webhooks.add, for an address that may be reached; returns the secret that signs."""
    _, host, _ = check_url(url, reach_of(settings))
    try:
        read_secret(secret) if secret else None
    except ValueError as unfit:
        raise Refusal(str(unfit)) from None
    added = await webhooks.add(session, name=name, url=url, kinds=kinds, by=by, secret=secret, queues=queues)
    detail: dict[str, object] = {"host": host, "kinds": list(kinds)}
    if queues:
        detail["queues"] = sorted(set(queues))
    await _note(session, by, "webhook.add", name, **detail)
    return added.secret


async def switch(session: AsyncSession, name: str, *, active: bool, by: str) -> None:
    """As webhooks.switch."""
    await webhooks.switch(session, name, active=active)
    await _note(session, by, "webhook.resume" if active else "webhook.pause", name)
    await hint_announced(session)


async def replay(
    session: AsyncSession, name: str, *, by: str, ids: Sequence[UUID] = (), from_number: int | None = None
) -> int:
    """As webhooks.replay."""
    again = await webhooks.replay(session, name, ids=ids, from_number=from_number)
    await _note(session, by, "webhook.replay", name, deliveries=again)
    await hint_announced(session)
    return again


async def remove(session: AsyncSession, name: str, *, by: str) -> None:
    """As webhooks.remove."""
    await webhooks.remove(session, name)
    await _note(session, by, "webhook.remove", name)


async def _note(session: AsyncSession, by: str, did: str, name: str, **detail: object) -> None:
    await audit.note(session, by=by, did=did, subject="webhook", subject_id=name, detail=detail)
