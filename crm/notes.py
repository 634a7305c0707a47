"""What people write about a customer outside a call's outcome. Called by the card, pages and the command line."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.notes import CustomerNote

NOTE_CHARACTERS = 4000


async def write(
    session: AsyncSession, customer_id: UUID, body: str, *, author: str, conversation_id: UUID | None = None
) -> CustomerNote:
    """Add a note to a customer's timeline. Refusal for an empty or an endless one."""
    body = "".join(each for each in body if each.isprintable() or each in "\n\t").strip()
    if not body:
        raise Refusal("the note is empty")
    if len(body) > NOTE_CHARACTERS:
        raise Refusal(f"the note has {len(body)} characters: {NOTE_CHARACTERS} fit")
    note = CustomerNote(customer_id=customer_id, author=author, body=body, conversation_id=conversation_id)
    session.add(note)
    await session.flush()
    return note
