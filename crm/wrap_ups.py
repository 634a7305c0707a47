"""What agents say of calls after them: one outcome and note an agent and conversation. Written by pages."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.outcomes import Outcome
from .tables.wrap_ups import WrapUp

NOTE_CHARACTERS = 4000


async def save(session: AsyncSession, *, conversation_id: UUID, agent_id: UUID, outcome: str, note: str = "") -> WrapUp:
    """Write the outcome, over an earlier one of the same agent. Refusal for an unknown outcome or an endless note."""
    known = list(await session.scalars(select(Outcome.code).where(Outcome.active).order_by(Outcome.place)))
    if outcome not in known:
        raise Refusal(f"outcome {outcome!r} is unknown: it is one of {', '.join(known)}")
    note = note.replace("\x00", "").strip()  # Postgres refuses NUL
    if len(note) > NOTE_CHARACTERS:
        raise Refusal(f"the note has {len(note)} characters: {NOTE_CHARACTERS} fit")
    row = insert(WrapUp).values(conversation_id=conversation_id, agent_id=agent_id, outcome=outcome, note=note)
    saved = await session.scalars(
        row.on_conflict_do_update(
            index_elements=["conversation_id", "agent_id"],
            set_={"outcome": outcome, "note": note, "saved_at": func.now()},
        ).returning(WrapUp),
        execution_options={"populate_existing": True},
    )
    return saved.one()
