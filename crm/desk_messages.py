"""What supervisors tell agents at their desks: one agent, those who serve one queue, or everybody; and who read it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from msgspec import Struct
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.own_day import DeskMessage, DeskMessageRead

CHARACTERS = 1000
SHOWN_DAYS = 7
"""A message without an end of its own is shown for so long to who has not read it."""

_CONCERNS = """
    (m.agent_id IS NULL AND m.queue IS NULL OR m.agent_id = a.id
     OR EXISTS (SELECT FROM agent_queue q WHERE q.agent_id = a.id AND q.queue = m.queue))
"""
_FOR_AGENT = text(
    f"""
SELECT m.id, m.by, m.body, m.sent_at, m.until_at, m.queue, NULL AS login, 0 AS concerns, 0 AS read
  FROM desk_message m JOIN agent a ON a.id = :agent_id
 WHERE {_CONCERNS} AND coalesce(m.until_at, m.sent_at + make_interval(days => :days)) > clock_timestamp()
   AND NOT EXISTS (SELECT FROM desk_message_read r WHERE r.message_id = m.id AND r.agent_id = a.id)
 ORDER BY m.sent_at DESC LIMIT 20
"""  # noqa: S608 - a condition of our own
)
_LISTED = text(
    f"""
SELECT m.id, m.by, m.body, m.sent_at, m.until_at, m.queue, whom.login,
       (SELECT count(*) FROM agent a WHERE a.active AND {_CONCERNS}) AS concerns,
       (SELECT count(*) FROM desk_message_read r WHERE r.message_id = m.id) AS read
  FROM desk_message m LEFT JOIN agent whom ON whom.id = m.agent_id
 ORDER BY m.sent_at DESC LIMIT :shown
"""  # noqa: S608 - likewise
)
_SEATS = text(
    f"""
SELECT s.node, s.seat FROM seat_session s JOIN agent a ON a.id = s.agent_id JOIN desk_message m ON m.id = :message_id
 WHERE s.signed_out_at IS NULL AND {_CONCERNS}
"""  # noqa: S608 - likewise
)


class Message(Struct, frozen=True):
    """One message. `queue` and `login` say to whom; neither: to everybody. `read` of the `concerns` have read it."""

    id: UUID
    by: str
    body: str
    sent_at: datetime
    until_at: datetime | None
    queue: str | None
    login: str | None
    concerns: int
    read: int


async def send(
    session: AsyncSession,
    body: str,
    *,
    by: str,
    now: datetime,
    agent_id: UUID | None = None,
    queue: str | None = None,
    until_at: datetime | None = None,
    message_id: UUID | None = None,
) -> UUID:
    """Write a message. Refusal for an empty or endless one, and for an end that is over."""
    body = body.replace("\x00", "").strip()
    if not 1 <= len(body) <= CHARACTERS:
        raise Refusal(f"a message has 1 to {CHARACTERS} characters")
    if agent_id is not None and queue is not None:
        raise Refusal("a message goes to one agent or to one queue, not to both")
    if until_at is not None and until_at <= now:
        raise Refusal("a message cannot end before it is sent")
    row = DeskMessage(id=message_id or uuid4(), body=body, by=by, agent_id=agent_id, queue=queue, until_at=until_at)
    session.add(row)
    await session.flush()
    return row.id


async def seats_of(session: AsyncSession, message_id: UUID) -> list[tuple[str, str]]:
    """Node and seat of each agent whom it concerns and who sits somewhere."""
    return [(row.node, row.seat) for row in await session.execute(_SEATS, {"message_id": message_id})]


async def unread(session: AsyncSession, agent_id: UUID) -> list[Message]:
    """What this agent has yet to read, the newest first."""
    rows = (await session.execute(_FOR_AGENT, {"agent_id": agent_id, "days": SHOWN_DAYS})).mappings()
    return [Message(**row) for row in rows]


async def listed(session: AsyncSession, *, shown: int = 100) -> list[Message]:
    """All messages, the newest first, with how many have read them."""
    return [Message(**row) for row in (await session.execute(_LISTED, {"shown": shown})).mappings()]


async def mark_read(session: AsyncSession, message_id: UUID, agent_id: UUID) -> bool:
    """This agent has read it; False when there is no such message. Said twice, the first time counts."""
    if await session.scalar(select(DeskMessage.id).where(DeskMessage.id == message_id)) is None:
        return False
    row = insert(DeskMessageRead).values(message_id=message_id, agent_id=agent_id)
    await session.execute(row.on_conflict_do_nothing())
    return True


async def withdraw(session: AsyncSession, message_id: UUID) -> bool:
    """Show it no more; False when there is no such message."""
    over = update(DeskMessage).where(DeskMessage.id == message_id).values(until_at=func.clock_timestamp())
    return (await session.execute(over.returning(DeskMessage.id))).first() is not None
