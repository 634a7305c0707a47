"""A supervisor's message to desks: written, and shown at once on those it concerns."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, desk_messages
from crm.hints import hint_live
from crm.refusals import Refusal
from crm.tables.queues import Queue


async def tell_desks(
    session: AsyncSession,
    body: str,
    *,
    by: str,
    login: str | None = None,
    queue: str | None = None,
    until_at: datetime | None = None,
    message_id: UUID | None = None,
) -> UUID:
    """Send it to one agent (by login), to who serves one queue, or (neither) to everybody. Refusal for strangers."""
    agent = None
    if login:
        agent = await agents.find(session, login)
        if agent is None:
            raise Refusal(f"there is no agent {login[:80]!r}: see `kefu agent list`")
    if queue and ("\x00" in queue or await session.get(Queue, queue) is None):
        raise Refusal(f"there is no queue {queue[:80]!r}: see `kefu queue list`")
    message_id = await desk_messages.send(
        session,
        body,
        by=by,
        now=datetime.now(UTC),
        agent_id=agent.id if agent else None,
        queue=queue or None,
        until_at=until_at,
        message_id=message_id,
    )
    seats: dict[str, list[str]] = defaultdict(list)
    for node, seat in await desk_messages.seats_of(session, message_id):
        seats[node].append(seat)
    for node, of_node in seats.items():
        await hint_live(session, node, seats=of_node)
    return message_id
