"""Why an agent gets calls now, or gets none: where they sit, what they do, and how they stand in each queue.

Read from live rows as the bridge wrote them last and from what the supervisor set; the rule that decides is said for
each queue. Called by `kefu agent explain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, skills
from crm.refusals import Refusal
from crm.rules.pause_steps import RONA
from crm.rules.personal_queues import is_personal, personal_queue
from crm.rules.ring_no_answer import Miss, Policy, judge
from crm.rules.skills import A_STEP, missing, step_of
from crm.tables.postures import Posture

_STANDING = text(
    """
SELECT m.queue, m.penalty, m.paused, m.joined_at,
       (SELECT count(*) FROM wait w WHERE w.node = m.node AND w.queue = m.queue AND w.left_at IS NULL) AS waiting,
       (SELECT extract(epoch FROM clock_timestamp() - min(w.entered_at))::float8 FROM wait w
         WHERE w.node = m.node AND w.queue = m.queue AND w.left_at IS NULL) AS longest_s
  FROM membership m WHERE m.node = :node AND m.seat = :seat AND m.left_at IS NULL ORDER BY m.queue
"""
)
_LAST = text(
    "SELECT ended_at FROM segment WHERE agent_id = :agent_id AND ended_at IS NOT NULL ORDER BY started_at DESC LIMIT 1"
)
_STEPS = text(
    "SELECT at, word, reason, next_reason, cause, actor, event FROM posture_change "
    "WHERE node = :node AND seat = :seat ORDER BY at DESC LIMIT :shown"
)
_UNTAKEN = text(
    "SELECT id::text AS id, queue, outcome, extract(epoch FROM ended_at)::float8 AS at, ended_at FROM offer "
    "WHERE node = :node AND seat = :seat AND queue IS NOT NULL AND outcome <> 'answered' "
    "AND ended_at > clock_timestamp() - make_interval(secs => :within_s) ORDER BY ended_at"
)
STEPS_SHOWN = 12
_FREE_NOW = {"ready"}


class InQueue(Struct, frozen=True):
    """How the agent stands in a queue. `penalty` None: not standing there; `rung_from_s` None: never by skill."""

    queue: str
    penalty: int | None
    wanted_penalty: int | None
    rung_from_s: int | None
    waiting: int
    longest_wait_s: float | None
    why: str


class StateStep(Struct, frozen=True):
    """A step from one state to the next: what brought it about, who, and which event said so."""

    at: datetime
    word: str
    reason: str | None
    next_reason: str | None
    cause: str
    actor: str
    event: str


class Untaken(Struct, frozen=True):
    """A call of a queue that rang here and was not taken, and what followed from it."""

    at: datetime
    queue: str
    outcome: str
    why: str


class Explained(Struct, frozen=True):
    """`verdict` is the answer in one sentence; `steps` are the last ones of the seat's state, newest first; `untaken`
    those calls of queues that were not taken, whosever fault it was."""

    login: str
    name: str
    active: bool
    node: str | None
    seat: str | None
    state: str
    since: datetime | None
    device: str | None
    pause_reason: str | None
    last_call_ended_at: datetime | None
    skills: Mapping[str, int]
    queues: list[InQueue]
    verdict: str
    steps: list[StateStep]
    untaken: list[Untaken]


async def explain(session: AsyncSession, login: str, policy: Policy | None = None) -> Explained:
    """Raises Refusal for a login that nobody has."""
    agent = await agents.find(session, login)
    if agent is None:
        raise Refusal(f"there is no agent {login!r}: see `kefu agent list`")
    shown = next(one for one in await agents.listed(session) if one.login == login)
    posture = await session.get(Posture, (shown.node, shown.seat)) if shown.seat else None
    has = await skills.of_agent(session, agent.id)
    standing: dict[str, Any] = {}
    if shown.seat:
        rows = await session.execute(_STANDING, {"node": shown.node, "seat": shown.seat})
        standing = {row.queue: row for row in rows}
    served = await skills.penalties_of(session, agent.id)
    queues = [
        await _in_queue(session, queue, login, has, served.get(queue), standing.get(queue))
        for queue in sorted(served.keys() | {queue for queue in standing if not is_personal(queue)})
    ]
    last = (await session.execute(_LAST, {"agent_id": agent.id})).scalar_one_or_none()
    own = personal_queue(shown.seat) if shown.seat else None
    return Explained(
        login,
        agent.name,
        agent.active,
        shown.node,
        shown.seat,
        shown.state,
        shown.since,
        posture.device_state if posture else None,
        posture.pause_reason if posture and posture.paused else None,
        last,
        has,
        queues,
        _verdict(agent.active, shown, queues, own in standing if own else False),
        *await _lately(session, shown, policy or Policy()),
    )


async def _lately(
    session: AsyncSession, shown: agents.AgentListed, policy: Policy
) -> tuple[list[StateStep], list[Untaken]]:
    if shown.seat is None:
        return [], []
    seat = {"node": shown.node, "seat": shown.seat}
    steps = (await session.execute(_STEPS, {**seat, "shown": STEPS_SHOWN})).mappings()
    before: list[Miss] = []
    untaken = []
    for row in await session.execute(_UNTAKEN, {**seat, "within_s": policy.within_s}):
        miss = Miss(row.id, row.at, row.outcome)
        verdict = judge(miss, before, policy)
        untaken.append(Untaken(row.ended_at, row.queue, row.outcome, verdict.why))
        before = [] if verdict.pause == RONA else [*before, miss]
    return [StateStep(**row) for row in steps], untaken


async def _in_queue(
    session: AsyncSession, queue: str, login: str, has: Mapping[str, int], wanted: int | None, row: Any
) -> InQueue:
    steps = await skills.steps_of(session, queue)
    waiting, longest = (row.waiting, row.longest_s) if row is not None else (0, None)
    stands = row.penalty if row is not None else None
    at = stands if stands is not None else wanted
    number = step_of(at) if at is not None else None
    from_s = steps[number].after_s if steps and number is not None and number < len(steps) else 0
    lacks = missing(has, steps[0]) if steps else []
    if stands is None and wanted is None:
        why = f"never rung here: {', '.join(missing(has, steps[-1]))} at the last step"
        return InQueue(queue, None, None, None, waiting, longest, why)
    if stands is None:
        return InQueue(queue, None, wanted, from_s, waiting, longest, "does not stand in it: sign in, or see wishes")
    if row.paused:
        why = "paused here"
    elif number and number >= max(1, len(steps)):
        why = f"held back: penalty {stands}, and no rule of the queue lets more than {A_STEP - 1} in"
    elif number:
        why = f"rung for callers who have waited {from_s} s: {', '.join(lacks)} at first"
    else:
        why = "rung for every caller"
    if wanted is not None and stands != wanted:
        why += f"; stands at penalty {stands}, {wanted} follows from the skills"
    return InQueue(queue, stands, wanted, from_s, waiting, longest, why)


def _verdict(active: bool, shown: agents.AgentListed, queues: list[InQueue], own: bool) -> str:
    if not active:
        return "gets no calls: the login is switched off"
    if shown.seat is None:
        return "gets no calls: sits at no seat"
    standing = [one for one in queues if one.penalty is not None]
    if not standing:
        return f"gets no calls: {shown.seat} stands in no queue" + (" but its own" if own else "")
    if shown.state not in _FREE_NOW:
        reason = f" ({shown.reason})" if shown.reason else ""
        return f"gets no calls now: {shown.state}{reason} at {shown.seat}"
    due = [one.queue for one in standing if one.waiting and (one.longest_wait_s or 0) >= (one.rung_from_s or 0)]
    if due:
        return f"is rung next when it is their turn: callers wait in {', '.join(due)}"
    return f"gets calls: ready at {shown.seat}, nobody waits for them now"
