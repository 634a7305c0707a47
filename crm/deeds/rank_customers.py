"""The nightly ranking: what every customer's orders add up to, their steps, score and tier, all in SQL.

Sums are gathered into a table that nobody else reads, quintiles are found over it, and customers are written in bites
of one short transaction each that waits for no row of theirs, so calls and pages wait for none of it. Cut off anywhere,
the next ranking does the same again. A tier that somebody set by hand is left as it is. Called by the worker and
`kefu value run`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm import value
from crm.database import Database
from crm.refusals import Refusal
from crm.rules.value_segments import RATE
from crm.settings import Settings
from crm.tables.value import ValueRun

log = structlog.get_logger(__name__)

BITE = 5000
WRITERS = 2
"""Postgres works on one bite with one processor: two halve the night where it has two, and leave the others free."""
SORTING_MEMORY = "64MB"

_MY_TURN = text("SELECT pg_try_advisory_xact_lock(hashtextextended('value ranking', 0))")
_EMPTY = text("TRUNCATE value_figure RESTART IDENTITY")
_GATHER = text(
    """
WITH rate AS (SELECT key AS currency, value::numeric AS worth FROM jsonb_each_text(CAST(:rates AS jsonb)))
INSERT INTO value_figure (customer_id, first_at, last_at, orders_ever, orders, amount)
SELECT customer_id, min(placed_at), max(placed_at), count(*),
       count(*) FILTER (WHERE placed_at > :since AND worth IS NOT NULL),
       coalesce(sum(amount * worth) FILTER (WHERE placed_at > :since AND worth IS NOT NULL), 0)
  FROM customer_order LEFT JOIN rate USING (currency)
 WHERE state <> 'cancelled' AND placed_at <= :as_of
 GROUP BY customer_id
"""
)
_LEFT_OUT = text(
    "SELECT count(*) FROM customer_order WHERE state <> 'cancelled' AND placed_at > :since AND placed_at <= :as_of "
    "AND NOT currency = ANY(:currencies)"
)
_BOUNDS = text(
    """
SELECT count(*) AS customers,
       percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (
           ORDER BY extract(epoch FROM CAST(:as_of AS timestamptz) - last_at)::float8 / 86400) AS recency,
       percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY orders::float8) AS frequency,
       percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY amount::float8) AS money
  FROM value_figure WHERE orders > 0
"""
)
# A bite that a fall takes back is written again the next time; the ranking's end waits for the disk, for all of them.
_IN_HASTE = text("SELECT set_config('jit', 'off', true), set_config('synchronous_commit', 'off', true)")
_LAST = text("SELECT coalesce(max(n), 0) FROM value_figure")


def _step(figure: str, bounds: str) -> str:
    """rules/value_segments.step_of in SQL: one more than the bounds that the figure is above."""
    return "1 + " + " + ".join(f"({figure} > (rule.{bounds})[{each}])::int" for each in (1, 2, 3, 4))


# MATERIALIZED: folded into each other, each step would be reckoned again for each word that hangs on it. Who is as they
# were is left out before the INSERT: a conflict would lock and log their row, though nothing of it changes.
# A tier is somebody's own when it is not what the ranking wrote last (nor came over in a merge since), and at first
# when it is not the usual one. Who is being edited this very moment keeps theirs until the next night.
_RANK = text(
    f"""
WITH rule AS (
  SELECT CAST(:recency AS float8[]) AS recency, CAST(:frequency AS float8[]) AS frequency,
         CAST(:money AS float8[]) AS money),
seen AS MATERIALIZED (
  SELECT f.*, extract(epoch FROM CAST(:as_of AS timestamptz) - f.last_at)::float8 / 86400 AS days,
         CASE WHEN orders_ever > 1
              THEN extract(epoch FROM f.last_at - f.first_at)::float8 / 86400 / (orders_ever - 1) END AS usual
    FROM value_figure f WHERE f.n > :after AND f.n <= :upto),
stepped AS MATERIALIZED (
  SELECT seen.*, 6 - ({_step("days", "recency")}) AS r, {_step("orders", "frequency")} AS f,
         {_step("amount::float8", "money")} AS m
    FROM seen CROSS JOIN rule),
scored AS MATERIALIZED (
  SELECT stepped.*, r * CAST(:weight_recency AS numeric) + f * CAST(:weight_frequency AS numeric)
                    + m * CAST(:weight_money AS numeric) AS score FROM stepped),
placed AS (
  SELECT scored.*,
         CASE WHEN score >= :key_from THEN 'key' WHEN score >= :main_from THEN 'main'
              WHEN score >= :ordinary_from THEN 'ordinary' ELSE 'small' END AS segment,
         CASE WHEN days > :lapsed_days THEN 'lapsed'
              WHEN orders_ever >= :risk_orders AND days > greatest(CAST(:risk_days AS float8),
                   CAST(:risk_factor AS float8) * coalesce(usual, 0)) THEN 'at_risk'
              ELSE 'active' END AS standing
    FROM scored),
decided AS (
  SELECT placed.*, c.tier, v.held_by IS NULL AS unheld, v.applied,
         (v.first_at, v.last_at, v.orders_ever, v.orders, v.amount, v.recency, v.frequency, v.money, v.score,
          v.segment, v.standing) IS DISTINCT FROM
         (placed.first_at, placed.last_at, placed.orders_ever, placed.orders, placed.amount, r, f, m, placed.score,
          placed.segment, placed.standing) AS changed,
         coalesce(v.held_by IS NOT NULL OR v.applied <> c.tier AND NOT EXISTS (
                    SELECT FROM customer_merge m WHERE m.kept_id = c.id AND m.undone_at IS NULL
                       AND m.at > v.ranked_at AND m.filled #>> '{{tier,1}}' = c.tier),
                  c.tier <> 'ordinary') AS by_hand
    FROM placed JOIN customer c ON c.id = placed.customer_id LEFT JOIN customer_value v USING (customer_id)),
free AS (
  SELECT c.id FROM customer c JOIN decided d ON d.customer_id = c.id AND NOT d.by_hand AND d.tier <> d.segment
                                            AND d.tier = c.tier
     FOR NO KEY UPDATE OF c SKIP LOCKED),
moved AS (
  UPDATE customer SET tier = d.segment FROM free JOIN decided d ON d.customer_id = free.id WHERE customer.id = free.id
  RETURNING customer.id, d.tier AS from_tier, d.segment, d.score),
told AS (
  INSERT INTO tier_change (customer_id, from_tier, to_tier, by, why)
  SELECT id, from_tier, segment, 'kefu', 'score ' || trim_scale(score) FROM moved),
found AS (
  INSERT INTO tier_change (customer_id, to_tier, by, why)
  SELECT customer_id, tier, '', 'set by hand, found by the ranking' FROM decided
   WHERE by_hand AND unheld AND applied IS NOT NULL),
kept AS (
  INSERT INTO customer_value AS v (customer_id, first_at, last_at, orders_ever, orders, amount, recency, frequency,
         money, score, segment, standing, applied, held_by, held_at, held_why, run_id, ranked_at)
  SELECT customer_id, first_at, last_at, orders_ever, orders, amount, r, f, m, decided.score, decided.segment, standing,
         CASE WHEN moved.id IS NOT NULL THEN decided.segment ELSE decided.tier END,
         CASE WHEN by_hand THEN '' END, CASE WHEN by_hand THEN clock_timestamp() END,
         CASE WHEN by_hand THEN 'set by hand, found by the ranking' END,
         :run_id, :as_of
    FROM decided LEFT JOIN moved ON moved.id = decided.customer_id
   WHERE changed OR moved.id IS NOT NULL OR applied IS DISTINCT FROM tier OR (by_hand AND unheld)
   ORDER BY customer_id
      ON CONFLICT (customer_id) DO UPDATE SET first_at = EXCLUDED.first_at, last_at = EXCLUDED.last_at,
         orders_ever = EXCLUDED.orders_ever, orders = EXCLUDED.orders, amount = EXCLUDED.amount,
         recency = EXCLUDED.recency, frequency = EXCLUDED.frequency, money = EXCLUDED.money, score = EXCLUDED.score,
         segment = EXCLUDED.segment, standing = EXCLUDED.standing, applied = EXCLUDED.applied,
         held_by = coalesce(v.held_by, EXCLUDED.held_by), held_at = coalesce(v.held_at, EXCLUDED.held_at),
         held_why = coalesce(v.held_why, EXCLUDED.held_why), run_id = EXCLUDED.run_id, ranked_at = EXCLUDED.ranked_at)
SELECT (SELECT count(*) FROM moved)
"""  # noqa: S608 - constants of ours
)
# Whose orders went to somebody else, or were all cancelled: no figures, and the tier stays.
_NO_MORE = text(
    """
UPDATE customer_value v SET first_at = NULL, last_at = NULL, orders_ever = 0, orders = 0, amount = 0, recency = NULL,
       frequency = NULL, money = NULL, score = NULL, segment = NULL, standing = NULL, run_id = :run_id,
       ranked_at = :as_of
 WHERE last_at IS NOT NULL AND NOT EXISTS (SELECT FROM value_figure f WHERE f.customer_id = v.customer_id)
"""
)


class Ranked(Struct, frozen=True):
    """What a ranking did: customers with orders, tiers that moved, orders in currencies without a rate; its seconds in
    gathering and in writing."""

    customers: int
    moved: int
    left_out: int
    gathered_s: float
    written_s: float


class Busy(Refusal):
    """A ranking goes on already."""


async def run(database: Database, settings: Settings) -> None:
    """For the worker: one ranking as of now; while another goes on, none."""
    try:
        done = await rank(database, settings)
    except Busy:
        return
    log.info("customers_ranked", **msgspec.structs.asdict(done))


async def rank(
    database: Database,
    settings: Settings,
    *,
    as_of: datetime | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Ranked:
    """Rank all customers. `progress` is told customers done, of all. Busy while another ranking goes on."""
    as_of = as_of or datetime.now(UTC)
    began = time.monotonic()
    async with _turn(database):
        run_id, rules = await _begin(database, as_of)
        try:
            bounds, customers, left_out = await _gather(database, settings, as_of, rules)
            gathered = time.monotonic()
            moved = await _write(database, run_id, as_of, rules, bounds, progress)
            async with database.transaction() as session:
                await session.execute(_NO_MORE, {"run_id": run_id, "as_of": as_of})
                counted = {"customers": customers, "moved": moved, "left_out": left_out}
                await _end(session, run_id, "done", bounds=bounds, **counted)
        except BaseException:
            async with database.transaction() as session:
                await _end(session, run_id, "failed")
            raise
    return Ranked(customers, moved, left_out, gathered - began, time.monotonic() - gathered)


@asynccontextmanager
async def _turn(database: Database) -> AsyncIterator[None]:
    """One ranking at a time. The lock's transaction holds no row and no snapshot, so vacuum is not kept waiting."""
    async with database.transaction() as session:
        if not await session.scalar(_MY_TURN):
            raise Busy("a ranking goes on already: wait for its end")
        yield


async def _begin(database: Database, as_of: datetime) -> tuple[UUID, dict[str, Decimal]]:
    async with database.transaction() as session:
        rules = await value.rules(session)
        run = ValueRun(as_of=as_of, rules={name: str(rule) for name, rule in rules.items()})
        session.add(run)
        await session.flush()
        return run.id, rules


async def _gather(
    database: Database, settings: Settings, as_of: datetime, rules: Mapping[str, Decimal]
) -> tuple[dict[str, list[float]], int, int]:
    """The sums of all customers, the bounds of their quintiles, and how many orders no rate is known for."""
    since = as_of - timedelta(days=float(rules["window_days"]))
    rates = {name.removeprefix(RATE): str(rate) for name, rate in rules.items() if name.startswith(RATE)}
    rates[settings.value_currency] = "1"
    asked: dict[str, Any] = {"since": since, "as_of": as_of}
    async with database.transaction() as session:
        await session.execute(text(f"SET LOCAL work_mem = '{SORTING_MEMORY}'"))
        await session.execute(_EMPTY)
        await session.execute(_GATHER, {**asked, "rates": msgspec.json.encode(rates).decode()})
    async with database.transaction() as session:
        await session.execute(text(f"SET LOCAL work_mem = '{SORTING_MEMORY}'"))
        await session.execute(text("ANALYZE value_figure"))
        left_out: int = (await session.execute(_LEFT_OUT, {**asked, "currencies": list(rates)})).scalar_one()
        row = (await session.execute(_BOUNDS, {"as_of": as_of})).one()
        customers: int = (await session.execute(_LAST)).scalar_one()
    bounds = {name: list(getattr(row, name) or [0.0] * 4) for name in ("recency", "frequency", "money")}
    return bounds, customers, left_out


async def _write(
    database: Database,
    run_id: UUID,
    as_of: datetime,
    rules: Mapping[str, Decimal],
    bounds: Mapping[str, list[float]],
    progress: Callable[[int, int], None] | None,
) -> int:
    """Customers in bites, each one transaction, WRITERS at a time: no two write the same customer."""
    named = {name: rule for name, rule in rules.items() if not name.startswith(RATE) and name != "window_days"}
    async with database.reading() as session:
        last: int = (await session.execute(_LAST)).scalar_one()
    bites = iter(range(0, last, BITE))
    moved = done = 0

    async def write() -> None:
        nonlocal moved, done
        for after in bites:
            asked = {**named, **bounds, "as_of": as_of, "run_id": run_id, "after": after, "upto": after + BITE}
            async with database.transaction() as session:
                await session.execute(_IN_HASTE)
                found: int = (await session.execute(_RANK, asked)).scalar_one()
            moved += found
            done = min(done + BITE, last)
            if progress:
                progress(done, last)

    try:
        async with asyncio.TaskGroup() as writers:
            for _ in range(WRITERS):
                writers.create_task(write())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return moved


async def _end(session: AsyncSession, run_id: UUID, state: str, **more: Any) -> None:
    said = {"state": state, "ended_at": datetime.now(UTC), **more}
    await session.execute(update(ValueRun).where(ValueRun.id == run_id).values(said))
