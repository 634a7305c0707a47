"""Finding cases: lists by whose they are, one with all that hangs on it, and what card, IVR and routing ask."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.questions import Question, Where
from crm.rules.case_numbers import read_number
from crm.tables.cases import Case, CaseEvent

LISTS = ("mine", "queue", "overdue", "open", "closed", "all")
"""`mine`: owned or handled; `queue`: of my tiers, not taken by anybody; `overdue`: a clock is over, of everybody."""
SOON_S = 2 * 3600

# A statement a list, so that each is found by an index of its own.
_IN_LIST = {
    "all": "true",
    "closed": "c.state = 'closed'",
    "open": "c.state <> 'closed'",
    "mine": "c.state <> 'closed' AND (c.owner_id = :agent_id OR c.handler_id = :agent_id)",
    "queue": "c.state IN ('open', 'waiting') AND c.state <> 'closed' AND c.handler_id IS NULL "
    "AND c.tier IN (SELECT tier FROM case_team WHERE agent_id = :agent_id)",
    "overdue": "c.state <> 'closed' AND (late.breached OR late.due_at < clock_timestamp())",
}
_BY_CLOCK = ("mine", "queue", "overdue")
_CLOCKS = """
  LEFT JOIN LATERAL (
       SELECT min(due_at) FILTER (WHERE running_since IS NOT NULL) AS due_at,
              bool_or(breached_at IS NOT NULL) AS breached
         FROM case_clock WHERE case_clock.case_id = c.id) AS late ON true
"""
_COLUMNS = """
SELECT c.id, c.number, c.category, category.title_en, category.title_zh, c.tier, c.state, c.subject, c.customer_id,
       customer.code AS customer_code, customer.name AS customer, customer.tier AS customer_tier, c.caller,
       owner.login AS owner, owner.name AS owner_name, handler.login AS handler, handler.name AS handler_name,
       c.opened_by, c.opened_at, c.changed_at, c.version, c.reopened, late.due_at,
       coalesce(late.breached OR late.due_at < clock_timestamp(), false) AS overdue, c.closed_at
"""
_FROM = f"""
  FROM customer_case c
  JOIN case_category category ON category.code = c.category
  JOIN agent owner ON owner.id = c.owner_id
  LEFT JOIN agent handler ON handler.id = c.handler_id
  LEFT JOIN customer ON customer.id = c.customer_id
  {_CLOCKS}
"""


# All that are overdue, without any other wish: those whose clock runs and is over come first by their clock, walked
# along an index (now() bounds it, clock_timestamp() would not; of two clocks a case, twice as many clocks are as many
# cases; a closed case has none that runs). Only where they do not fill the list, and so are all of their kind, those
# follow whose broken clock stands, or stopped while another still runs.
_LATE = """
WITH running AS MATERIALIZED (
  SELECT r.case_id, r.due_at
    FROM (SELECT case_id, due_at FROM case_clock WHERE running_since IS NOT NULL AND due_at < now()
           ORDER BY due_at LIMIT 2 * CAST(:limit AS bigint)) r
    JOIN customer_case c ON c.id = r.case_id AND c.state <> 'closed'),
over AS MATERIALIZED (SELECT case_id AS id, min(due_at) AS due_at FROM running GROUP BY case_id),
broken AS MATERIALIZED (
  SELECT c.id, c.opened_at, c.number FROM customer_case c
   WHERE c.state <> 'closed' AND (SELECT count(*) FROM over) < :limit AND c.id NOT IN (SELECT id FROM over)
     AND c.id IN (SELECT k.case_id FROM case_clock k WHERE k.breached_at IS NOT NULL))
(SELECT id FROM over ORDER BY due_at LIMIT :limit)
 UNION ALL
(SELECT b.id FROM broken b LEFT JOIN case_clock k ON k.case_id = b.id AND k.running_since IS NOT NULL
  GROUP BY b.id, b.opened_at, b.number ORDER BY min(k.due_at) NULLS LAST, b.opened_at DESC, b.number LIMIT :limit)
"""


@cache
def _list(which: str, *, numbered: bool, searched: bool, of_customer: bool, paged: bool) -> TextClause:
    """The statement of one list."""
    asked = [
        _IN_LIST.get(which, _IN_LIST["open"]),
        *(["c.number = :number"] if numbered else []),
        *(["(c.subject ILIKE :words OR customer.name ILIKE :words OR customer.code = :code)"] if searched else []),
        *(["c.customer_id = :customer_id"] if of_customer else []),
        *(["c.opened_at < :before"] if paged else []),
    ]
    by_clock = which in _BY_CLOCK
    order = f"ORDER BY {'late.due_at NULLS LAST, ' if by_clock else ''}c.opened_at DESC, c.number"
    told = f"{'LEFT JOIN customer ON customer.id = c.customer_id' if searched else ''} {_CLOCKS if by_clock else ''}"
    # What is shown of a case is looked up for those alone that are.
    if which == "overdue" and len(asked) == 1:
        return text(f"{_COLUMNS} {_FROM} JOIN ({_LATE}) AS picked ON picked.id = c.id {order} LIMIT :limit")
    picked = f"SELECT c.id FROM customer_case c {told} WHERE {' AND '.join(asked)} {order} LIMIT :limit"  # noqa: S608 - of ours
    return text(f"{_COLUMNS} {_FROM} JOIN ({picked}) AS picked ON picked.id = c.id {order}")


_FIND = text(
    f"""
{_COLUMNS}, c.description, c.solution, c.solved_at, c.closed_by, c.owner_id, c.handler_id,
       category.check_en, category.check_zh, customer.language AS customer_language, customer.company,
       coalesce((SELECT e164 FROM customer_phone WHERE customer_phone.customer_id = c.customer_id AND e164 IS NOT NULL
                  ORDER BY raw LIMIT 1), c.caller) AS phone,
       (SELECT coalesce(json_agg(k ORDER BY k.kind), '[]') FROM case_clock k WHERE k.case_id = c.id) AS clocks
{_FROM} WHERE c.number = :number
"""  # noqa: S608 - likewise
)
_COUNTS_ASKED = """
SELECT count(*) AS mine,
       count(*) FILTER (WHERE EXISTS (SELECT FROM case_clock k WHERE k.case_id = c.id AND (k.breached_at IS NOT NULL
                                         OR (k.running_since IS NOT NULL AND k.due_at < clock_timestamp()))))
           AS overdue,
       (SELECT count(*) FROM customer_case q WHERE q.state IN ('open', 'waiting') AND q.handler_id IS NULL
           AND q.tier IN (SELECT tier FROM case_team WHERE agent_id = :agent_id)) AS queue,
       (SELECT count(*) FROM case_reminder r WHERE r.agent_id = :agent_id AND r.done_at IS NULL
           AND r.due_at <= clock_timestamp()) AS reminders
  FROM customer_case c
 WHERE c.state <> 'closed' AND (c.owner_id = :agent_id OR c.handler_id = :agent_id)
"""
_BREACHED_ASKED = """
SELECT EXISTS (SELECT FROM customer_case c JOIN case_clock k ON k.case_id = c.id
                WHERE c.customer_id = :customer_id AND c.state <> 'closed'
                  AND (k.breached_at IS NOT NULL OR (k.running_since IS NOT NULL AND k.due_at < clock_timestamp())))
       AS breached
"""


class CaseListed(Struct, frozen=True, kw_only=True):
    """A case in a list. `due_at`: the nearest end of a running clock; None while all stand."""

    id: UUID
    number: str
    category: str
    title_en: str
    title_zh: str
    tier: str
    state: str
    subject: str
    customer_id: UUID | None
    customer_code: str | None
    customer: str | None
    customer_tier: str | None
    caller: str | None
    owner: str
    owner_name: str
    handler: str | None
    handler_name: str | None
    opened_by: str
    opened_at: datetime
    changed_at: datetime
    version: int
    reopened: int
    due_at: datetime | None
    overdue: bool
    closed_at: datetime | None


class CaseFound(CaseListed, frozen=True, kw_only=True):
    """One case with its texts and clocks. `phone`: where its customer can be told of it."""

    description: str
    solution: str
    solved_at: datetime | None
    closed_by: str | None
    owner_id: UUID
    handler_id: UUID | None
    check_en: str
    check_zh: str
    customer_language: str | None
    company: str | None
    phone: str | None
    clocks: list[dict[str, Any]]


class Counts(Struct, frozen=True):
    """What waits for one agent."""

    mine: int
    overdue: int
    queue: int
    reminders: int


class _Late(Struct, frozen=True):
    breached: bool


COUNTS = Question(_COUNTS_ASKED, Counts)
_BREACHED = Question(_BREACHED_ASKED, _Late)


async def listed(
    session: AsyncSession,
    which: str = "open",
    *,
    agent_id: UUID | None = None,
    search: str = "",
    customer_id: UUID | None = None,
    before: datetime | None = None,
    limit: int = 200,
) -> list[CaseListed]:
    """Cases of a list: those with a clock by its end, others the newest first. `search`: a number, or words of the
    subject or the customer's name; a number is found in every list."""
    search = " ".join(search.replace("\x00", "").split())
    number = read_number(search) if search else None
    pattern = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    statement = _list(
        "all" if number else which,
        numbered=number is not None,
        searched=bool(search) and not number,
        of_customer=customer_id is not None,
        paged=before is not None,
    )
    asked = {
        "agent_id": agent_id,
        "number": number,
        "words": f"%{pattern}%",
        "code": search,
        "customer_id": customer_id,
        "before": before,
        "limit": limit,
    }
    return [CaseListed(**row) for row in (await session.execute(statement, asked)).mappings()]


async def find(session: AsyncSession, number: str) -> CaseFound | None:
    """The case with this number, as somebody typed it."""
    row = (await session.execute(_FIND, {"number": read_number(number) or ""})).mappings().one_or_none()
    return CaseFound(**row) if row else None


async def history(session: AsyncSession, case_id: UUID) -> list[CaseEvent]:
    """Everything that happened to a case, the newest first."""
    rows = select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.id.desc())
    return list(await session.scalars(rows))


async def counts(session: AsyncSession, agent_id: UUID) -> Counts:
    """What waits for this agent."""
    return await COUNTS.one(session, agent_id=agent_id)


async def open_of(session: AsyncSession, customer_id: UUID, *, limit: int = 5) -> list[Case]:
    """The customer's cases that are not closed, the one last worked at first."""
    rows = select(Case).where(Case.customer_id == customer_id, Case.state != "closed")
    return list(await session.scalars(rows.order_by(Case.changed_at.desc(), Case.number).limit(limit)))


async def open_case_of(session: AsyncSession, customer_id: UUID) -> Case | None:
    """The one that a caller most likely asks about: the open case last worked at."""
    found = await open_of(session, customer_id, limit=1)
    return found[0] if found else None


async def has_breached_case(where: Where, customer_id: UUID) -> bool:
    """Whether a case of this customer is over its time and not closed: a claim to minutes of waiting credit."""
    return (await _BREACHED.one(where, customer_id=customer_id)).breached


async def asked_about(session: AsyncSession, customer_id: UUID | None, number: str | None) -> Case | None:
    """What a caller asks the menu about: the case of this number (of this customer, or where that is None of anybody),
    or without a number their open case, else their newest."""
    wanted = select(Case)
    if number is not None:
        wanted = wanted.where(Case.number == (read_number(number) or ""))
    elif customer_id is None:
        return None
    if customer_id is not None:
        wanted = wanted.where(Case.customer_id == customer_id)
    newest = wanted.order_by(Case.state == "closed", Case.changed_at.desc(), Case.number).limit(1)
    found: Case | None = await session.scalar(newest)
    return found
