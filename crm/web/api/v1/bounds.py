"""What a token that is bound to queues is shown, and what it may touch: what those queues have seen, nothing else.

A route that keeps to this says so: `asked(scope, bound=True)`; all others refuse such tokens. What is out of sight is
answered as if it were not there. Used by the routes of this room.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import queue_sight
from crm.tables.conversations import Conversation

from .asking import Asking
from .problems import Refused


async def in_sight(session: AsyncSession, asking: Asking, found: Sequence[UUID]) -> list[UUID]:
    """Those of these customers whom the program is shown, in their order."""
    if asking.queues is None:
        return list(found)
    seen = await queue_sight.customers_of(session, set(found), asking.queues)
    return [each for each in found if each in seen]


async def sees(session: AsyncSession, asking: Asking, customer_id: UUID | None) -> bool:
    """Whether the program is shown this customer."""
    if asking.queues is None:
        return True
    return customer_id is not None and bool(await queue_sight.customers_of(session, {customer_id}, asking.queues))


async def sees_call(session: AsyncSession, asking: Asking, conversation_id: UUID | None) -> bool:
    """Whether the program is shown this call; no call is not."""
    if asking.queues is None:
        return True
    if conversation_id is None:
        return False
    call = select(Conversation.id).where(Conversation.id == conversation_id, queue_sight.came_to(asking.queues))
    return await session.scalar(call) is not None


def must_be_ours(asking: Asking, queue: str | None) -> None:
    """Refused (403) for a queue that the program is not bound to."""
    if asking.queues is not None and queue is not None and queue not in asking.queues:
        raise Refused(403, f"the token {asking.program.name} is bound to {', '.join(sorted(asking.queues))}")
