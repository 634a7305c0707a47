"""How a caller is sent into a queue: credit, the agent who served them last, and the wait as far as it can be foretold.

Asked by the IVR's desk in one go when a flow ends in a queue, inside the step's time limit; what was decided is written
with its reasons, so that it can be explained. Written by agi alone, read by explanations and figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .questions import Question, Where, ask
from .rules.number_spellings import spellings
from .rules.personal_queues import LIKE, personal_queue
from .rules.skills import step_of
from .rules.wait_prediction import Prediction, SeatNow, place, predict
from .rules.waiting_credit import Credit, CreditRules, Standing, waiting_credit
from .tables.routing import Routing

LONGEST_LAST_AGENT_S = 120
OBSERVED_HOURS = 4
OBSERVED_AT_MOST = 60


class _Queue(Struct, frozen=True):
    last_agent_s: int
    announce_wait: bool


class _Whose(Struct, frozen=True):
    tier: str
    numbers: list[str]


class _LastTalk(Struct, frozen=True):
    id: UUID
    login: str
    seat: str | None
    word: str | None
    ago_s: float


class _Member(Struct, frozen=True):
    word: str
    penalty: int
    shared_by: int


class _Floor(Struct, frozen=True):
    live: bool
    now: float
    waiting: list[float | None]
    seats: list[_Member]
    handled: list[float | None]


class _Stands(Struct, frozen=True):
    seat: str


_QUEUE = Question("SELECT last_agent_s, announce_wait FROM queue WHERE name = CAST(:queue AS text)", _Queue)
_WHOSE = Question(
    """
SELECT tier, ARRAY(SELECT e164 FROM customer_phone WHERE customer_id = customer.id AND e164 IS NOT NULL) AS numbers
  FROM customer WHERE id = CAST(:customer_id AS uuid)
""",
    _Whose,
)
# The last talk of one of these numbers with an agent who is still here, and where that agent sits now.
_LAST_TALK = Question(
    """
SELECT agent.id, agent.login, sitting.seat, posture.word,
       coalesce(extract(epoch FROM clock_timestamp() - talk.started_at), 0)::float8 AS ago_s
  FROM (SELECT segment.agent_id, segment.started_at
          FROM conversation JOIN segment ON segment.conversation_id = conversation.id
         WHERE conversation.caller = ANY(CAST(:numbers AS text[])) AND segment.agent_id IS NOT NULL
           AND NOT (conversation.node = :node AND conversation.linkedid = :linkedid)
           AND conversation.started_at > clock_timestamp() - make_interval(days => CAST(:days AS int))
         ORDER BY segment.started_at DESC LIMIT 1) AS talk
  JOIN agent ON agent.id = talk.agent_id
  LEFT JOIN seat_session sitting ON sitting.agent_id = agent.id AND sitting.signed_out_at IS NULL
                                AND sitting.node = :node
  LEFT JOIN posture ON posture.node = sitting.node AND posture.seat = sitting.seat
""",
    _LastTalk,
)
_STANDS = Question(
    "SELECT seat FROM membership WHERE node = :node AND queue = :queue AND seat = :seat AND left_at IS NULL", _Stands
)

# Who waits, who works, and how long calls took, all as of now. A place counts from the first join of the call.
_FLOOR = Question(
    f"""
SELECT coalesce((SELECT lost_at IS NULL AND heard_at > clock_timestamp() - interval '3 s' FROM node
                  WHERE name = :node), false) AS live,
       extract(epoch FROM clock_timestamp())::float8 AS now,
       (SELECT coalesce(json_agg(came), '[]') FROM (
          SELECT extract(epoch FROM (SELECT min(entered_at) FROM wait w
                                      WHERE w.conversation_id = c.id))::float8
                 - coalesce((SELECT r.credit_s FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid
                              ORDER BY r.decided_at DESC LIMIT 1), 0) AS came
            FROM wait JOIN conversation c ON c.id = wait.conversation_id
           WHERE wait.node = :node AND wait.left_at IS NULL AND wait.queue = :queue) AS waiting) AS waiting,
       (SELECT coalesce(json_agg(json_build_object('word', p.word, 'penalty', m.penalty, 'shared_by', 1 + (
                   SELECT count(DISTINCT o.queue) FROM membership o
                     JOIN wait w ON w.node = o.node AND w.queue = o.queue AND w.left_at IS NULL
                    WHERE o.node = m.node AND o.seat = m.seat AND o.left_at IS NULL
                      AND o.queue <> m.queue AND o.queue NOT LIKE '{LIKE}'))), '[]')
          FROM membership m JOIN posture p ON p.node = m.node AND p.seat = m.seat
         WHERE m.node = :node AND m.queue = :queue AND m.left_at IS NULL
           AND p.word IN ('ready', 'ringing', 'talking', 'wrapping_up')) AS seats,
       (SELECT coalesce(json_agg(handled_s), '[]') FROM (
          SELECT extract(epoch FROM s.ended_at - s.started_at)::float8 + coalesce((
                   SELECT extract(epoch FROM u.settled_at - s.ended_at)::float8 FROM pbx_request u
                    WHERE u.node = s.node AND u.seat = s.seat AND u.state = 'confirmed'
                      AND u.kind IN ('unpause', 'end_after_call_work')
                      AND u.conversation_id = s.conversation_id
                      AND u.wanted_at BETWEEN s.ended_at AND s.ended_at + interval '1 hour'
                    ORDER BY u.wanted_at LIMIT 1), 0) AS handled_s
            FROM membership m
            JOIN segment s ON s.node = m.node AND s.seat = m.seat
           WHERE m.node = :node AND m.queue = :queue AND m.left_at IS NULL AND s.queue = :queue
             AND s.started_at > clock_timestamp() - make_interval(hours => CAST(:hours AS int))
             AND s.ended_at IS NOT NULL
           ORDER BY s.started_at DESC LIMIT CAST(:at_most AS int)) AS served) AS handled
""",  # noqa: S608 - a constant of ours
    _Floor,
)


class Asked(Struct, frozen=True):
    """Whom to send where. `given_s`: the flow's own credit; `last_agent_s`: what the flow says, None: as the queue."""

    node: str
    linkedid: str
    queue: str
    number_e164: str | None = None
    customer_id: UUID | None = None
    given_s: int = 0
    last_agent_s: int | None = None


class Rules(Struct, frozen=True):
    """From the settings."""

    credit: CreditRules
    last_agent_days: int


class LastAgent(Struct, frozen=True):
    """`seat` None: nobody is tried first; `why` says who, or why not."""

    seat: str | None
    agent_id: UUID | None
    why: str


class Decided(Struct, frozen=True):
    """What the caller is sent with. `announce`: the prediction is to be said."""

    credit: Credit
    last_agent: LastAgent | None
    last_agent_s: int
    prediction: Prediction | None
    announce: bool


class RoutingRow(TypedDict):
    """A row of `routing`."""

    visit_id: UUID
    node: str
    linkedid: str
    queue: str
    decided_at: datetime
    credit_s: int
    credit_reasons: list[dict[str, Any]]
    last_seat: str | None
    last_agent_id: UUID | None
    last_agent_s: int
    last_agent_why: str | None
    position: int | None
    low_s: int | None
    high_s: int | None
    announced: bool
    prediction_why: str | None


_ROUTING = cast(Table, Routing.__table__)
_WRITTEN = insert(_ROUTING)
_WRITE = _WRITTEN.on_conflict_do_update(
    index_elements=["visit_id"],
    set_={column.name: _WRITTEN.excluded[column.name] for column in _ROUTING.c if column.name != "visit_id"},
)


async def write(session: AsyncSession, *rows: RoutingRow) -> None:
    """Note what was decided; repeated, the row is the same."""
    await session.execute(_WRITE, list(rows))


async def decide(where: Where, asked: Asked, rules: Rules, *, breached_case: bool = False) -> Decided:
    """All that a caller is sent into a queue with, read from rows as they are now. `breached_case`: a case of theirs is
    over its time."""
    queues, customers, (floor,) = await ask(
        where,
        _QUEUE.with_(queue=asked.queue),
        _WHOSE.with_(customer_id=asked.customer_id),
        _FLOOR.with_(**_floor_of(asked.node, asked.queue)),
    )
    queue: _Queue | None = queues[0] if queues else None
    whose: _Whose | None = customers[0] if customers else None
    # No table of ours holds promises yet: whoever brings one hands them in here.
    standing = Standing(whose.tier if whose else None, breached_case=breached_case, given_s=asked.given_s)
    credit = waiting_credit(standing, rules.credit)
    wanted_s = asked.last_agent_s if asked.last_agent_s is not None else queue.last_agent_s if queue else 0
    wait_s = max(0, min(wanted_s, LONGEST_LAST_AGENT_S))
    last = await _last_agent(where, asked, rules.last_agent_days, whose.numbers if whose else []) if wait_s else None
    # A queue that nobody has named here is only passed through.
    prediction = _foretold(floor, credit.seconds) if queue else None
    return Decided(
        credit,
        last,
        wait_s if last and last.seat else 0,
        prediction,
        announce=bool(queue and queue.announce_wait and prediction and prediction.minutes),
    )


async def _last_agent(where: Where, asked: Asked, days: int, owned: Sequence[str]) -> LastAgent:
    """Who talked with this caller last, if they sit at a seat with a queue of its own now. `owned`: all numbers of the
    customer."""
    numbers = [asked.number_e164, *owned] if asked.number_e164 else owned
    known = [spelling for number in dict.fromkeys(numbers) for spelling in spellings(number)]
    said = {"numbers": known, "node": asked.node, "linkedid": asked.linkedid, "days": days}
    talk = await _LAST_TALK.first(where, **said) if known else None
    if talk is None:
        return LastAgent(None, None, f"nobody talked with this caller in the last {days} days")
    who = f"{talk.login}, who talked with this caller {_ago(talk.ago_s)}"
    if talk.seat is None:
        return LastAgent(None, talk.id, f"{who}, is not signed in")
    queue = personal_queue(talk.seat)
    if queue is None or await _STANDS.first(where, node=asked.node, queue=queue, seat=talk.seat) is None:
        return LastAgent(None, talk.id, f"{who}, sits at {talk.seat}, which has no queue of its own")
    return LastAgent(talk.seat, talk.id, f"{who}, sits at {talk.seat} ({talk.word or 'unseen'})")


async def foretell(where: Where, node: str, queue: str, credit_s: int) -> Prediction:
    """The wait of a caller who would join now, from the floor as the bridge last wrote it."""
    return _foretold(await _FLOOR.one(where, **_floor_of(node, queue)), credit_s)


async def foretell_places(where: Where, node: str, queue: str, places: Sequence[float]) -> list[Prediction]:
    """The wait from now of who stands, or would stand, at these places (epoch seconds)."""
    floor = await _FLOOR.one(where, **_floor_of(node, queue))
    return [_foretold(floor, floor.now - place_at) for place_at in places]


def _floor_of(node: str, queue: str) -> dict[str, object]:
    return {"node": node, "queue": queue, "hours": OBSERVED_HOURS, "at_most": OBSERVED_AT_MOST}


def _foretold(floor: _Floor, credit_s: float) -> Prediction:
    position = place(floor.now - credit_s, _numbers(floor.waiting))
    if not floor.live:
        return Prediction(position, None, None, "the floor is not in sight")
    # A ringing seat takes the caller it rings, who stands in the queue still: it is as good as free.
    seats = [
        SeatNow(seat.word in ("ready", "ringing"), seat.shared_by, step_of(seat.penalty) > 0) for seat in floor.seats
    ]
    return predict(position, seats, _numbers(floor.handled))


def _numbers(found: Sequence[float | None]) -> list[float]:
    return [each for each in found if each is not None]


def _ago(seconds: float) -> str:
    for unit_s, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit_s:
            count = round(seconds / unit_s)
            return f"{count} {unit} ago" if count == 1 else f"{count} {unit}s ago"
    return "just now"
