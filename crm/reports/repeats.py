"""Who calls again: what the card says of one call, and the figures of all, each open to its calls.

A conversation is repeated when another inbound one of the same customer follows within the window. Judged by number, as
the ledger knows every caller; who hides theirs is left out, and counted. First-contact resolution (fcr) is the share
not repeated about the same matter within 48 hours: the same case, else the same word of the menu, else the same queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.questions import Asked, Question, Where, ask
from crm.rules.number_spellings import spellings
from crm.rules.repeats import NOTICED, WINDOWS, Contact, Repeat, repeat_of

VERSION = "repeats 2"
MOST_BEFORE = 50
MOST_CALLS = 10_000

_ABOUT = """
       (SELECT k.number FROM case_conversation l JOIN customer_case k ON k.id = l.case_id
         WHERE l.conversation_id = c.id ORDER BY l.at DESC LIMIT 1) AS "case",
       (SELECT f.matter FROM caller_facts f WHERE f.node = c.node AND f.linkedid = c.linkedid) AS matter,
       (SELECT w.queue FROM wait w WHERE w.conversation_id = c.id AND w.queue NOT LIKE 'seat-%'
         ORDER BY w.entered_at DESC LIMIT 1) AS queue
"""
_OF_CALL = f"""
SELECT c.started_at AS at, c.direction, {_ABOUT}, (
       SELECT coalesce(json_agg(told), '[]') FROM (
            SELECT b.at, b."case", b.matter, b.queue
              FROM (SELECT DISTINCT unnest(CAST(:numbers AS text[]) || c.caller::text) AS number) AS n
             CROSS JOIN LATERAL (
                   SELECT c.started_at AS at, {_ABOUT} FROM conversation c
                    WHERE c.caller = n.number AND c.started_at >= mine.started_at - make_interval(secs => :window_s)
                      AND c.started_at < mine.started_at AND c.direction = 'inbound' AND c.id <> mine.id
                    ORDER BY c.started_at DESC LIMIT :most) AS b
             ORDER BY b.at DESC LIMIT :most) AS told) AS before
  FROM conversation c CROSS JOIN LATERAL (SELECT c.id, c.started_at) AS mine
 WHERE c.id = :id
"""  # noqa: S608 - parts of our own
_FIGURES = text(
    f"""
WITH mine AS (
  SELECT c.id, c.caller, c.started_at, c.ended_at, c.outcome, {_ABOUT}
    FROM conversation c
   WHERE c.started_at >= :since AND c.started_at < :until AND c.direction = 'inbound'),
judged AS (
  SELECT mine.*, again.after_s,
         /* whichever of the later calls it is, not the next one alone */
         again.after_s <= 172800 AND EXISTS (
           SELECT FROM conversation c CROSS JOIN LATERAL (SELECT {_ABOUT}) AS k
            WHERE c.caller = mine.caller AND c.direction = 'inbound' AND c.id <> mine.id
              AND c.started_at > mine.started_at
              AND c.started_at <= coalesce(mine.ended_at, mine.started_at) + interval '48 hours'
              AND coalesce(mine."case" = k."case", mine.matter = k.matter, mine.queue = k.queue, true)) AS same
    FROM mine LEFT JOIN LATERAL (
         SELECT extract(epoch FROM c.started_at - coalesce(mine.ended_at, mine.started_at))::float8 AS after_s
           FROM conversation c
          WHERE c.caller = mine.caller AND c.direction = 'inbound' AND c.id <> mine.id
            AND c.started_at > mine.started_at
            AND c.started_at <= coalesce(mine.ended_at, mine.started_at) + interval '7 days'
          ORDER BY c.started_at LIMIT 1) AS again ON mine.caller IS NOT NULL)
"""  # noqa: S608 - parts of our own
)
_SUMS = text(
    _FIGURES.text
    + """
SELECT coalesce(queue, '') AS queue, count(*) AS calls, count(*) FILTER (WHERE caller IS NULL) AS hidden,
       count(*) FILTER (WHERE after_s <= 600) AS "10m", count(*) FILTER (WHERE after_s <= 86400) AS "24h",
       count(*) FILTER (WHERE after_s <= 172800) AS "48h", count(*) FILTER (WHERE after_s <= 604800) AS "7d",
       count(*) FILTER (WHERE same) AS same_48h,
       count(*) FILTER (WHERE outcome = 'answered' AND caller IS NOT NULL) AS answered,
       count(*) FILTER (WHERE outcome = 'answered' AND same) AS unsolved
  FROM judged GROUP BY 1 ORDER BY 1
"""
)
_CALLS = text(
    _FIGURES.text
    + """
SELECT id FROM judged WHERE after_s <= :window_s AND (CAST(:queue AS text) IS NULL OR coalesce(queue, '') = :queue)
 ORDER BY started_at, id LIMIT :most
"""
)


class RepeatFigures(Struct, frozen=True):
    """One queue's calls, or all. `hidden`: without a number, left out of the rest; `repeated`: by window; `same_48h`:
    of the same matter; `answered` and `unsolved` make the first-contact resolution."""

    queue: str
    calls: int
    hidden: int
    repeated: dict[str, int]
    same_48h: int
    answered: int
    unsolved: int

    @property
    def rate_48h(self) -> float | None:
        """Repeated within 48 hours / calls with a number."""
        known = self.calls - self.hidden
        return self.repeated[NOTICED] / known if known else None

    @property
    def fcr(self) -> float | None:
        """Answered and not repeated about the same matter within 48 hours / answered."""
        return 1 - self.unsolved / self.answered if self.answered else None


class OfCall(Struct, frozen=True):
    """One call, what it is about, and those of the same numbers before it."""

    at: datetime
    direction: str
    case: str | None
    matter: str | None
    queue: str | None
    before: list[Contact]


_CALL = Question(_OF_CALL, OfCall)


def asked_of(conversation_id: UUID, numbers: Sequence[str] = ()) -> Asked[OfCall]:
    """The question of one call. `numbers`: all of the customer's in E.164, beside the caller's."""
    ways = [way for number in numbers for way in spellings(number)]
    window_s = WINDOWS[NOTICED] / timedelta(seconds=1)
    return _CALL.with_(id=conversation_id, numbers=ways, window_s=window_s, most=MOST_BEFORE)


def repeat_in(found: Sequence[OfCall]) -> Repeat | None:
    """What to say of the answer; None: no repeat."""
    if not found or found[0].direction != "inbound":
        return None
    (call,) = found
    window = WINDOWS[NOTICED]
    return repeat_of(call.before, call.at, case=call.case, matter=call.matter, queue=call.queue, window=window)


async def of_call(where: Where, conversation_id: UUID, numbers: list[str] | None = None) -> Repeat | None:
    """What to say of this call; None: no repeat. `numbers`: all of the customer's in E.164, else the caller's alone."""
    (found,) = await ask(where, asked_of(conversation_id, numbers or ()))
    return repeat_in(found)


async def figures(session: AsyncSession, since: datetime, until: datetime) -> list[RepeatFigures]:
    """Of calls that began in [since, until): all together first (queue ''… as `all`), then by queue."""
    rows = (await session.execute(_SUMS, {"since": since, "until": until})).mappings().all()
    by_queue = [_figures(row["queue"] or "-", [row]) for row in rows]
    return [_figures("all", rows), *by_queue]


async def calls_behind(
    session: AsyncSession, since: datetime, until: datetime, *, window: str, queue: str | None = None
) -> list[UUID]:
    """The calls that were repeated within a window of WINDOWS, the oldest first, at most MOST_CALLS."""
    said = {"since": since, "until": until, "window_s": WINDOWS[window] / timedelta(seconds=1)}
    asked = {**said, "queue": "" if queue == "-" else queue, "most": MOST_CALLS}
    return list(await session.scalars(_CALLS, asked))


def _figures(queue: str, rows: Any) -> RepeatFigures:
    def total(name: str) -> int:
        return sum(int(row[name]) for row in rows)

    counted = {name: total(name) for name in ("calls", "hidden", "same_48h", "answered", "unsolved")}
    return RepeatFigures(queue=queue, repeated={name: total(name) for name in WINDOWS}, **counted)
