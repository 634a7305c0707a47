"""How calls can end: the outcomes that agents choose among, which queues offer which, and where one is demanded.

Written by the command line; read by the desk. What agents chose is crm.wrap_ups' business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, exists, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .hints import hint_live
from .questions import Question, Where
from .refusals import Refusal
from .tables.cases import NO_CASE_REASONS, CaseCategory
from .tables.outcomes import OUTCOME_TONES, Outcome, OutcomeDemand, QueueOutcome
from .tables.queues import Queue
from .tables.wrap_ups import WrapUp

TITLE_CHARACTERS = 40
AFTER_S_AT_MOST = 3600
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")

_LISTED_ASKED = """
SELECT o.code, o.title_en, o.title_zh, o.tone, o.settles, o.active, o.place,
       (SELECT coalesce(json_object_agg(q.queue, q.place ORDER BY q.queue), '{}')
          FROM queue_outcome q WHERE q.code = o.code) AS queues
  FROM outcome o ORDER BY o.place, o.code
"""
_DEMANDS = text("SELECT queue, after_s FROM outcome_demand ORDER BY queue")

# The last talk of the call that is being wrapped up, in the queue that the caller was meant for.
_OWED_ASKED = """
SELECT d.queue, d.after_s
  FROM posture p
  JOIN conversation c ON c.id = p.conversation_id
  JOIN LATERAL (SELECT segment.queue, extract(epoch FROM ended_at - started_at) AS talk_s
                  FROM segment
                 WHERE segment.conversation_id = c.id AND segment.node = p.node AND segment.seat = p.seat
                   AND ended_at IS NOT NULL
                 ORDER BY started_at DESC LIMIT 1) AS talk ON true
  JOIN outcome_demand d ON d.queue = coalesce(
       (SELECT r.queue FROM routing r WHERE talk.queue LIKE 'seat-%' AND r.node = c.node AND r.linkedid = c.linkedid
         ORDER BY r.decided_at DESC LIMIT 1), talk.queue)
 WHERE p.node = :node AND p.seat = :seat AND p.word = 'wrapping_up' AND talk.talk_s >= d.after_s
   AND NOT EXISTS (SELECT FROM wrap_up w WHERE w.conversation_id = c.id AND w.agent_id = :agent_id)
"""


class Choice(Struct, frozen=True):
    """One outcome. `queues`: who offers it, each with its place there; none: every queue without a list of its own."""

    code: str
    title_en: str
    title_zh: str
    tone: str
    settles: str
    active: bool
    place: int
    queues: dict[str, int]


class Owed(Struct, frozen=True):
    """The call being wrapped up needs an outcome: its queue demands one of talks of at least `after_s`."""

    queue: str
    after_s: int


_LISTED = Question(_LISTED_ASKED, Choice)
_OWED = Question(_OWED_ASKED, Owed)


async def listed(where: Where) -> list[Choice]:
    """All outcomes in their order, also the retired."""
    return await _LISTED.rows(where)


async def demands(session: AsyncSession) -> dict[str, int]:
    """The queues that demand an outcome, each with the seconds of talk from which on."""
    return {row.queue: row.after_s for row in await session.execute(_DEMANDS)}


async def owed(where: Where, *, node: str, seat: str, agent_id: UUID) -> Owed | None:
    """What the call that this seat wraps up still needs; None: it may be finished without."""
    return await _OWED.first(where, node=node, seat=seat, agent_id=agent_id)


def offered(choices: Sequence[Choice], queue: str | None) -> list[Choice]:
    """What the desk offers for a call of this queue, in order."""
    own = sorted((each.queues[queue], each.code, each) for each in choices if each.active and queue in each.queues)
    return [each for _, _, each in own] or [each for each in choices if each.active]


async def define(session: AsyncSession, code: str, **said: Any) -> Outcome:
    """Make an outcome, or change what is said of one. Refusal for words that cannot be."""
    if not _CODE.fullmatch(code):
        raise Refusal(f"{code[:40]!r} is no code: write small letters, digits and '_', a letter first")
    await _check(session, said)
    row = await session.get(Outcome, code, with_for_update=True)
    if row is None:
        title = said.get("title_en") or code
        row = Outcome(code=code, title_en=title, title_zh=title, place=100, tone="", settles="", active=True)
        session.add(row)
    for name, value in said.items():
        if value is not None:
            setattr(row, name, value)
    await session.flush()
    await hint_live(session, "")
    return row


async def remove(session: AsyncSession, code: str) -> bool:
    """Take an outcome away: True when it is gone, False when calls had it, and it is only offered no more."""
    row = await _known(session, code)
    await hint_live(session, "")
    if await session.scalar(select(exists().where(WrapUp.outcome == code))):
        row.active = False
        return False
    await session.delete(row)
    return True


async def offer(session: AsyncSession, queue: str, codes: Sequence[str]) -> None:
    """Let a queue offer these outcomes in this order, and no others; none: all there are."""
    await _queue(session, queue)
    for code in codes:
        if not (await _known(session, code)).active:
            raise Refusal(f"outcome {code!r} is retired: take it back first by `kefu outcome set {code} --active`")
    await session.execute(delete(QueueOutcome).where(QueueOutcome.queue == queue))
    for place, code in enumerate(dict.fromkeys(codes), 1):
        session.add(QueueOutcome(queue=queue, code=code, place=place))
    await hint_live(session, "")


async def demand(session: AsyncSession, queue: str, after_s: int | None) -> None:
    """Demand an outcome of this queue's calls when the talk was at least so long; None: no longer."""
    await _queue(session, queue)
    if after_s is None:
        await session.execute(delete(OutcomeDemand).where(OutcomeDemand.queue == queue))
        return
    if not 0 <= after_s <= AFTER_S_AT_MOST:
        raise Refusal(f"{after_s} s cannot be meant: 0 to {AFTER_S_AT_MOST} can")
    row = insert(OutcomeDemand).values(queue=queue, after_s=after_s)
    await session.execute(row.on_conflict_do_update(index_elements=["queue"], set_={"after_s": after_s}))


async def _check(session: AsyncSession, said: dict[str, Any]) -> None:
    for name in ("title_en", "title_zh"):
        title = said.get(name)
        if title is not None and not (title.strip() and title.isprintable() and len(title) <= TITLE_CHARACTERS):
            raise Refusal(f"a title has 1 to {TITLE_CHARACTERS} printable characters")
    if said.get("tone") not in (None, *OUTCOME_TONES):
        raise Refusal(f"tone {said['tone']!r} is unknown: it is one of {', '.join(filter(None, OUTCOME_TONES))}")
    settles = said.get("settles") or ""
    word, _, what = settles.partition(":")
    if word == "none" and what not in NO_CASE_REASONS:
        raise Refusal(f"reason {what[:40]!r} is unknown: it is one of {', '.join(NO_CASE_REASONS)}")
    if word == "new" and not await session.scalar(select(exists().where(CaseCategory.code == what))):
        raise Refusal(f"category {what[:40]!r} is unknown: see `kefu case category list`")
    if word not in ("", "none", "new"):
        raise Refusal(f"{settles[:40]!r} settles nothing: write none:REASON or new:CATEGORY")


async def _known(session: AsyncSession, code: str) -> Outcome:
    row = await session.get(Outcome, code, with_for_update=True) if _CODE.fullmatch(code) else None
    if row is None:
        raise Refusal(f"there is no outcome {code[:40]!r}: see `kefu outcome list`")
    return row


async def _queue(session: AsyncSession, queue: str) -> None:
    if "\x00" in queue or await session.get(Queue, queue) is None:
        raise Refusal(f"there is no queue {queue[:80]!r}: name it first by `kefu queue name`")
