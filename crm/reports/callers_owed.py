"""Callers whom we owe a call: they gave up waiting, or left a menu, and have heard nothing of us since.

A number stands in old rows as it came, so that who was called back by another spelling of it is known all the same.
Called by pages and the command line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.rules.number_spellings import spellings
from crm.rules.phone_numbers import to_e164

AT_MOST = 5000
"""Those who gave up last are looked at; before so many nobody can call anyway."""

_GAVE_UP = text(
    """
SELECT DISTINCT ON (c.caller) c.id, c.caller, c.started_at
  FROM (SELECT id, caller, started_at FROM conversation
         WHERE direction = 'inbound' AND outcome = 'abandoned' AND caller IS NOT NULL AND started_at >= :since
           AND ended_at < clock_timestamp() - make_interval(mins => :minutes)
         ORDER BY started_at DESC LIMIT :at_most) AS c
 ORDER BY c.caller, c.started_at DESC
"""
)
# When each number last talked with us, or had a call promised in the menu; and when it was promised one otherwise.
_HEARD = text(
    """
SELECT number, max(at) AS at, bool_or(open) AS open FROM (
    SELECT caller AS number, started_at AS at, false AS open FROM conversation
     WHERE caller = ANY(CAST(:spelled AS text[])) AND started_at >= :since
       AND outcome IN ('answered', 'callback_booked')
    UNION ALL
    SELECT dialled, started_at, false FROM conversation
     WHERE dialled = ANY(CAST(:spelled AS text[])) AND started_at >= :since AND direction = 'outbound'
       AND outcome = 'answered'
    UNION ALL
    SELECT number_e164, asked_at, state IN ('waiting', 'placed') FROM callback
     WHERE number_e164 = ANY(CAST(:spelled AS text[])) AND (asked_at >= :since OR state IN ('waiting', 'placed'))
  ) AS heard GROUP BY number
"""
)
_SHOWN = text(
    """
SELECT c.id, c.caller, c.caller_name, c.ended_at, c.linkedid,
       (SELECT w.queue FROM wait w WHERE w.conversation_id = c.id ORDER BY w.entered_at DESC LIMIT 1) AS queue,
       (SELECT max(extract(epoch FROM coalesce(w.left_at, w.entered_at) - w.entered_at))::float8
          FROM wait w WHERE w.conversation_id = c.id) AS waited_s,
       coalesce((SELECT f.language FROM caller_facts f WHERE f.node = c.node AND f.linkedid = c.linkedid),
                (SELECT v.language FROM visit v WHERE v.node = c.node AND v.linkedid = c.linkedid
                  ORDER BY v.started_at DESC LIMIT 1)) AS language
  FROM conversation c WHERE c.id = ANY(CAST(:ids AS uuid[])) ORDER BY c.ended_at
"""
)


class Owed(Struct, frozen=True):
    """A caller whom we owe a call: the last time they gave up."""

    conversation_id: UUID
    caller: str
    caller_name: str | None
    gave_up_at: datetime
    queue: str | None
    waited_s: float | None
    language: str | None
    linkedid: str


async def callers_owed(session: AsyncSession, *, since: datetime, country: str, minutes: int = 5) -> list[Owed]:
    """They gave up, the earliest first. minutes: so long ago at least: many ring again at once."""
    asked = {"since": since, "minutes": minutes, "at_most": AT_MOST}
    last: dict[str, Any] = {}
    for row in (await session.execute(_GAVE_UP, asked)).all():
        number = to_e164(row.caller, country) or row.caller
        if number not in last or last[number].started_at < row.started_at:
            last[number] = row
    heard = await _heard(session, last, since)
    ids = [row.id for number, row in last.items() if not _known(heard, number, row.started_at)]
    rows = (await session.execute(_SHOWN, {"ids": ids})).all()
    return [
        Owed(row.id, row.caller, row.caller_name, row.ended_at, row.queue, row.waited_s, row.language, row.linkedid)
        for row in rows
    ]


async def _heard(session: AsyncSession, numbers: Collection[str], since: datetime) -> dict[str, Any]:
    spelled = {way for number in numbers for way in _ways(number)}
    rows = await session.execute(_HEARD, {"spelled": list(spelled), "since": since})
    return {row.number: row for row in rows}


def _known(heard: dict[str, Any], number: str, gave_up_at: datetime) -> bool:
    found = [heard[way] for way in _ways(number) if way in heard]
    return any(each.open or each.at > gave_up_at for each in found)


def _ways(number: str) -> Iterable[str]:
    return spellings(number) if number.startswith("+") else (number,)
