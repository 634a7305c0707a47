"""Messages that callers left, as work: who has heard them, whose they are, what became of them.

The bridge writes each message once; here stand the reading of them and the work on them, which web and command line
write. Nobody can take what another has taken, whatever clicks cross. Called by deeds, pages and the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal

NOTE_CHARACTERS = 4000
LISTS = ("open", "new", "mine", "done", "short", "all")
"""What can be asked for. `open`: new and taken, without those too short to hold a word, which are `short`."""

_MAY_HEAR = """
       (CASE WHEN CAST(:boxes AS text[]) IS NOT NULL THEN v.box IS NULL OR v.box = ANY(:boxes)
             ELSE CAST(:agent_id AS uuid) IS NULL OR v.box IS NULL OR w.owner_id = :agent_id
                  OR v.box IN (SELECT queue FROM agent_queue WHERE agent_id = :agent_id) END)
"""
_IN_LIST = """
       CASE CAST(:list AS text)
            WHEN 'all' THEN true
            WHEN 'short' THEN w.duration_s < :short_s
            WHEN 'done' THEN w.state = 'done'
            WHEN 'mine' THEN w.state = 'taken' AND w.owner_id = :mine
            WHEN 'new' THEN coalesce(w.state, 'new') = 'new' AND coalesce(w.duration_s >= :short_s, true)
            ELSE coalesce(w.state, 'new') <> 'done'
                 AND (w.state = 'taken' OR coalesce(w.duration_s >= :short_s, true)) END
"""
_LISTED = f"""
SELECT v.id, v.node, v.linkedid, v.conversation_id, v.box, v.file, v.left_at, v.reconstructed,
       coalesce(queue.title_en, v.box) AS title_en, coalesce(queue.title_zh, v.box) AS title_zh,
       c.caller, c.caller_name, customer.name AS customer, customer.tier,
       coalesce(w.state, 'new') AS state, w.duration_s, coalesce(w.duration_s < :short_s, false) AS short,
       owner.login AS owner, owner.name AS owner_name, w.due_at, w.taken_at, w.done_at, finisher.login AS done_by,
       coalesce(w.note, '') AS note
  FROM voicemail v
  LEFT JOIN voicemail_work w ON w.voicemail_id = v.id
  LEFT JOIN queue ON queue.name = v.box
  LEFT JOIN conversation c ON c.id = v.conversation_id
  LEFT JOIN caller_facts facts ON facts.node = v.node AND facts.linkedid = v.linkedid
  LEFT JOIN customer ON customer.id = facts.customer_id
  LEFT JOIN agent owner ON owner.id = w.owner_id
  LEFT JOIN agent finisher ON finisher.id = w.done_by
 WHERE {_MAY_HEAR} AND (CAST(:box AS text) IS NULL OR v.box = :box)
   AND (CAST(:id AS uuid) IS NULL OR v.id = :id) AND {_IN_LIST}
 ORDER BY v.left_at DESC, v.id LIMIT :limit
"""  # noqa: S608 - parts of our own
_WAITING = text(
    f"""
SELECT count(*) FROM voicemail v LEFT JOIN voicemail_work w ON w.voicemail_id = v.id
 WHERE {_MAY_HEAR} AND {_IN_LIST}
"""  # noqa: S608 - likewise
)
_LIST = text(_LISTED)
_TAKE = text(
    """
INSERT INTO voicemail_work AS w (voicemail_id, state, owner_id, due_at, taken_at)
VALUES (:id, 'taken', :agent_id, :due_at, clock_timestamp())
ON CONFLICT (voicemail_id) DO UPDATE
   SET state = 'taken', owner_id = :agent_id, due_at = coalesce(w.due_at, :due_at),
       taken_at = CASE WHEN w.owner_id = :agent_id THEN w.taken_at ELSE clock_timestamp() END
 WHERE w.state = 'new' OR (w.state = 'taken' AND (w.owner_id IS NULL OR w.owner_id = :agent_id OR :over))
RETURNING w.voicemail_id
"""
)
_FINISH = text(
    """
INSERT INTO voicemail_work AS w (voicemail_id, state, owner_id, due_at, taken_at, done_at, done_by, note)
VALUES (:id, 'done', :agent_id, :due_at, clock_timestamp(), clock_timestamp(), :agent_id, :note)
ON CONFLICT (voicemail_id) DO UPDATE
   SET state = 'done', owner_id = coalesce(w.owner_id, :agent_id), due_at = coalesce(w.due_at, :due_at),
       taken_at = coalesce(w.taken_at, clock_timestamp()), done_at = clock_timestamp(), done_by = :agent_id,
       note = :note
 WHERE w.state = 'new' OR (w.state = 'taken' AND (w.owner_id IS NULL OR w.owner_id = :agent_id OR :over))
RETURNING w.voicemail_id
"""
)
_UNMEASURED = text(
    """
SELECT v.id, v.file FROM voicemail v LEFT JOIN voicemail_work w ON w.voicemail_id = v.id
 WHERE w.duration_s IS NULL AND v.left_at > clock_timestamp() - make_interval(days => :days)
 ORDER BY v.left_at DESC LIMIT :limit
"""
)
_MEASURED = text(
    """
INSERT INTO voicemail_work AS w (voicemail_id, duration_s) SELECT v.id, :duration_s FROM voicemail v WHERE v.id = :id
ON CONFLICT (voicemail_id) DO UPDATE SET duration_s = :duration_s WHERE w.duration_s IS NULL
"""
)


class Message(Struct, frozen=True):
    """One message. `short`: too short to hold a word. `due_at` is None until it was reckoned (crm.deeds.voicemail)."""

    id: UUID
    node: str
    linkedid: str
    conversation_id: UUID
    box: str | None
    file: str
    left_at: datetime
    reconstructed: bool
    title_en: str | None
    title_zh: str | None
    caller: str | None
    caller_name: str | None
    customer: str | None
    tier: str | None
    state: str
    duration_s: float | None
    short: bool
    owner: str | None
    owner_name: str | None
    due_at: datetime | None
    taken_at: datetime | None
    done_at: datetime | None
    done_by: str | None
    note: str


async def listed(
    session: AsyncSession,
    which: str = "open",
    *,
    short_s: float,
    agent_id: UUID | None = None,
    boxes: Sequence[str] | None = None,
    mine: UUID | None = None,
    box: str | None = None,
    limit: int = 200,
) -> list[Message]:
    """The newest messages of a list. `agent_id`: only what this agent may hear (their queues, nobody's box, their
    own); None: all, or those of `boxes`. `mine`: whose messages the list `mine` holds."""
    asked: dict[str, Any] = {"list": which, "short_s": short_s, "agent_id": agent_id, "mine": mine or agent_id}
    rows = (
        await session.execute(_LIST, {**asked, "boxes": _list(boxes), "box": box, "id": None, "limit": limit})
    ).mappings()
    return [Message(**row) for row in rows]


async def find(
    session: AsyncSession,
    message_id: UUID,
    *,
    short_s: float,
    agent_id: UUID | None = None,
    boxes: Sequence[str] | None = None,
) -> Message | None:
    """One message, or None: there is no such one, or this agent may not hear it."""
    asked = {
        "list": "all",
        "short_s": short_s,
        "agent_id": agent_id,
        "boxes": _list(boxes),
        "mine": None,
        "box": None,
        "id": message_id,
        "limit": 1,
    }
    row = (await session.execute(_LIST, asked)).mappings().one_or_none()
    return Message(**row) if row else None


async def count_new(session: AsyncSession, *, short_s: float, agent_id: UUID | None = None) -> int:
    """How many messages wait for somebody to take them, of those this agent may hear."""
    asked = {"list": "new", "short_s": short_s, "agent_id": agent_id, "boxes": None, "mine": None}
    return int((await session.execute(_WAITING, asked)).scalar_one())


async def take(
    session: AsyncSession, message: Message, *, agent_id: UUID, due_at: datetime | None, over: bool = False
) -> None:
    """Make it this agent's. Taken twice by the same agent it stays theirs; `over`: also what another has taken."""
    asked = {"id": message.id, "agent_id": agent_id, "due_at": due_at, "over": over}
    if (await session.execute(_TAKE, asked)).first() is None:
        await _refuse(session, message)


async def finish(
    session: AsyncSession,
    message: Message,
    *,
    agent_id: UUID,
    due_at: datetime | None,
    note: str = "",
    over: bool = False,
) -> None:
    """Say that it is answered, and how. `over`: also what another has taken."""
    note = note.replace("\x00", "").strip()  # Postgres refuses NUL
    if len(note) > NOTE_CHARACTERS:
        raise Refusal(f"the note has {len(note)} characters: {NOTE_CHARACTERS} fit")
    asked = {"id": message.id, "agent_id": agent_id, "due_at": due_at, "note": note, "over": over}
    if (await session.execute(_FINISH, asked)).first() is None:
        await _refuse(session, message)


async def unmeasured(session: AsyncSession, *, days: int = 1, limit: int = 200) -> list[tuple[UUID, str]]:
    """Messages of late whose recording nobody has looked into yet: id and file."""
    rows = await session.execute(_UNMEASURED, {"days": days, "limit": limit})
    return [(row.id, row.file) for row in rows]


async def measured(session: AsyncSession, message_id: UUID, duration_s: float) -> None:
    """Note how long a recording plays; the first word counts."""
    await session.execute(_MEASURED, {"id": message_id, "duration_s": duration_s})


def _list(boxes: Sequence[str] | None) -> list[str] | None:
    return None if boxes is None else list(boxes)


async def _refuse(session: AsyncSession, message: Message) -> None:
    """The row says no: say who was first."""
    now = await find(session, message.id, short_s=0.0)
    if now is not None and now.state == "done":
        raise Refusal(f"this message is done already: {now.done_by or 'somebody'} finished it")
    raise Refusal(f"{(now and now.owner_name) or 'somebody else'} has taken this message: ask them, or a supervisor")
