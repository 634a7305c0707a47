"""A form that is sent twice makes one thing: what it makes has an id that follows from the form's hidden key.

Whoever sends it again (a double click, a page that was reloaded) waits for the first, and finds what that has made.
Called by pages that make something; where a version is sent along, that version does it.
"""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession


def fresh_key() -> str:
    """For a form that is shown."""
    return str(uuid4())


async def id_made(session: AsyncSession, agent_id: UUID, key: str) -> UUID:
    """The id of what this form of this agent makes; only one of two that are sent at once goes on. Without a key each
    sending is one of its own."""
    if not key:
        return uuid4()
    made = uuid5(agent_id, key)
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"form {made}", 0))))
    return made
