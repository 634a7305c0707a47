"""Queues as people see them: who waits now, how long, and who could answer. Read from live rows."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .rules.personal_queues import is_personal
from .tables.conversations import CALLER_WAITS
from .tables.queues import DIALLING, Queue

NAME = re.compile(r"[\w.-]{1,80}")

# A queue that Asterisk has and our table lacks is shown all the same, under its bare name; a seat's own queue is not.
_LISTED = text(
    f"""
WITH waiting AS (
    SELECT queue, count(*) FILTER (WHERE {CALLER_WAITS}) AS waiting,
           min(entered_at) FILTER (WHERE {CALLER_WAITS}) AS first_at
      FROM wait
     WHERE left_at IS NULL AND (CAST(:node AS text) IS NULL OR node = :node) GROUP BY queue),
standing AS (
    SELECT queue, word, count(*) AS seats
      FROM (SELECT membership.queue, coalesce(posture.word, 'unseen') AS word
              FROM membership LEFT JOIN posture USING (node, seat)
             WHERE membership.left_at IS NULL AND (CAST(:node AS text) IS NULL OR node = :node)) AS members
     GROUP BY queue, word),
named AS (SELECT name FROM queue UNION SELECT queue FROM waiting WHERE queue NOT LIKE 'seat-%'
          UNION SELECT queue FROM standing WHERE queue NOT LIKE 'seat-%')
SELECT named.name, coalesce(queue.title_en, named.name) AS title_en, coalesce(queue.title_zh, named.name) AS title_zh,
       queue.service_level_s, queue.callback_dialling, coalesce(waiting.waiting, 0) AS waiting,
       round(extract(epoch FROM clock_timestamp() - waiting.first_at)::numeric, 1)::float8 AS longest_wait_s,
       coalesce((SELECT jsonb_object_agg(word, seats) FROM standing
                  WHERE standing.queue = named.name), '{{}}') AS members
  FROM named
  LEFT JOIN queue ON queue.name = named.name
  LEFT JOIN waiting ON waiting.queue = named.name
 ORDER BY named.name
"""  # noqa: S608 - a constant of ours
)


class QueueListed(Struct, frozen=True):
    """One queue now. `members` counts seats by posture; `longest_wait_s` is None when nobody waits;
    `service_level_s` and `callback_dialling` are None for a queue that only Asterisk knows."""

    name: str
    title_en: str
    title_zh: str
    service_level_s: int | None
    callback_dialling: str | None
    waiting: int
    longest_wait_s: float | None
    members: dict[str, int]


async def listed(session: AsyncSession, *, node: str | None = None) -> list[QueueListed]:
    """All queues by name, over all nodes or one."""
    rows = (await session.execute(_LISTED, {"node": node})).mappings()
    return [QueueListed(**row) for row in rows]


async def dials_customers_first(session: AsyncSession, name: str) -> bool:
    """Whether promised callbacks of this queue ring the customer before an agent."""
    found = await session.get(Queue, name)
    return found is not None and found.callback_dialling == "customer_first"


async def define(
    session: AsyncSession,
    name: str,
    *,
    title_en: str | None = None,
    title_zh: str | None = None,
    service_level_s: int | None = None,
    last_agent_s: int | None = None,
    announce_wait: bool | None = None,
    acw_limit_s: int | None = None,
    callback_dialling: str | None = None,
) -> None:
    """Name a queue that asterisk-conf has, or rename it; what is not given stays, or is the name itself and 20 s.
    acw_limit_s 0: the work after its calls never ends by time."""
    if not NAME.fullmatch(name):
        raise Refusal(f"queue {name!r} cannot be: write its name as in queues.conf, letters, digits, '.', '_' and '-'")
    said = {
        "title_en": title_en,
        "title_zh": title_zh,
        "service_level_s": service_level_s,
        "last_agent_s": last_agent_s,
        "announce_wait": announce_wait,
        "callback_dialling": callback_dialling,
    }
    if callback_dialling not in (None, *DIALLING):
        raise Refusal(f"callbacks are dialled {' or '.join(DIALLING)}, not {callback_dialling!r}")
    if is_personal(name):
        raise Refusal(f"queue {name!r} belongs to one seat: choose another name for a queue of the center")
    given: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    if acw_limit_s is not None:
        given["acw_limit_s"] = acw_limit_s or None
    fresh = {"title_en": name, "title_zh": title_en or name, "service_level_s": 20, **given}
    row = insert(Queue).values(name=name, **fresh)
    there = row.on_conflict_do_update(index_elements=["name"], set_=given) if given else row.on_conflict_do_nothing()
    await session.execute(there)
