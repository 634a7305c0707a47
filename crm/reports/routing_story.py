"""The routing of one call: credit and its reasons, the place in the queue, the last agent, each ring and who else stood
there.

What was decided is read as it was written then; the order of callers is computed from first joins and credits, the
other candidates from Asterisk's own words about its members. Called by explain.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import skills
from crm.ledger.conversations import Offer, Wait
from crm.rules.personal_queues import is_personal
from crm.rules.ring_choice import Candidate, Verdict, verdict
from crm.rules.skills import allowed
from crm.rules.waiting_credit import Reason, told

from .candidates import candidates
from .ledger_calls import LedgerCall
from .timeline import Happening

MOST_NAMED = 5
_DECIDED = text(
    "SELECT queue, decided_at, credit_s, credit_reasons, last_seat, last_agent_s, last_agent_why, position, low_s, "
    "high_s, announced, prediction_why FROM routing WHERE node = :node AND linkedid = :linkedid ORDER BY decided_at"
)
# Everybody who stood in the queue at a moment, with what Asterisk orders them by.
_ORDER = text(
    """
SELECT c.id::text AS id, c.caller,
       floor(extract(epoch FROM (SELECT min(entered_at) FROM wait w WHERE w.conversation_id = c.id)))::float8 AS joined,
       coalesce((SELECT r.credit_s FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid
                  AND r.decided_at <= :at ORDER BY r.decided_at DESC LIMIT 1), 0) AS credit_s
  FROM wait JOIN conversation c ON c.id = wait.conversation_id
 WHERE wait.node = :node AND wait.queue = :queue AND wait.entered_at <= :at
   AND (wait.left_at IS NULL OR wait.left_at > :at)
"""
)


class Place(Struct, frozen=True):
    """One caller of a queue at a moment. `counts_from`: first join less credit, epoch seconds; the lowest is next."""

    caller: str | None
    this: bool
    joined: float
    credit_s: int

    @property
    def counts_from(self) -> float:
        return self.joined - self.credit_s


class Joined(Struct, frozen=True):
    """A stay of this call in a queue, and the order of all who stood there then."""

    at: float
    queue: str
    order: list[Place]

    @property
    def place(self) -> int:
        """1 is next."""
        return next((number for number, one in enumerate(self.order, 1) if one.this), 0)


class Judged(Struct, frozen=True):
    """One ring and all who stood in the queue."""

    at: float
    queue: str
    seat: str
    waited_s: float
    allowed: int
    others: list[tuple[Candidate, Verdict]]


class Story(Struct, frozen=True):
    """`decided`: rows of `routing` as they were written."""

    decided: list[Mapping[str, Any]]
    joined: list[Joined]
    rings: list[Judged]

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "decided": [{**row, "decided_at": row["decided_at"].isoformat()} for row in self.decided],
            "joined": [
                {
                    "at": _iso(one.at),
                    "queue": one.queue,
                    "place": one.place,
                    "order": [{**structs.asdict(each), "joined": _iso(each.joined)} for each in one.order],
                }
                for one in self.joined
            ],
            "rings": [
                {
                    "at": _iso(one.at),
                    "queue": one.queue,
                    "seat": one.seat,
                    "waited_s": round(one.waited_s, 1),
                    "allowed_penalty": one.allowed,
                    "candidates": [
                        {
                            "seat": who.seat,
                            "agent": who.agent,
                            "penalty": who.penalty,
                            "skills": dict(who.skills),
                            **structs.asdict(why),
                        }
                        for who, why in one.others
                    ],
                }
                for one in self.rings
            ],
        }

    def timeline(self) -> list[Happening]:
        """As lines of the call's timeline."""
        lines = [line for row in self.decided for line in _decided(row)]
        lines += [Happening(one.at, "queue order", _order(one)) for one in self.joined]
        for ring in self.rings:
            for who, why in ring.others:
                name = f"{who.agent} at {who.seat}" if who.agent else who.seat
                can = ", ".join(f"{skill} {level}" for skill, level in sorted(who.skills.items()))
                about = f"{why.posture}, penalty {who.penalty}" + (f", {can}" if can else "")
                lines.append(Happening(ring.at, "rung" if why.rung else "not rung", f"{name} ({about}): {why.why}"))
        return lines


async def routing_story(session: AsyncSession, call: LedgerCall) -> Story:
    """All that is known of how this call was routed."""
    row = call.row
    decided = (await session.execute(_DECIDED, {"node": row.node, "linkedid": row.linkedid})).mappings().all()
    joined = [await _joined(session, call, wait) for wait in call.waits if not is_personal(wait.queue)]
    rings = [await _judged(session, call, ring) for ring in call.offers if ring.queue is not None]
    return Story([dict(one) for one in decided], joined, [one for one in rings if one is not None])


async def _joined(session: AsyncSession, call: LedgerCall, wait: Wait) -> Joined:
    asked = {"node": wait.node, "queue": wait.queue, "at": datetime.fromtimestamp(wait.entered_at, UTC)}
    rows = (await session.execute(_ORDER, asked)).all()
    order = [Place(row.caller, row.id == call.row.id, row.joined, row.credit_s) for row in rows]
    # Of equals the earlier stands first, and the one who joins is the last of them.
    return Joined(wait.entered_at, wait.queue, sorted(order, key=lambda one: (one.counts_from, one.this)))


async def _judged(session: AsyncSession, call: LedgerCall, ring: Offer) -> Judged | None:
    queue = ring.queue or ""
    wait = next((wait for wait in call.waits if wait.id == ring.wait_id), None)
    waited_s = max(0.0, ring.started_at - wait.entered_at) if wait else 0.0
    most = allowed(await skills.steps_of(session, queue), waited_s)
    stood = await candidates(session, ring.node, queue, ring.started_at)
    rung = next((one for one in stood if one.seat == ring.seat), None)
    if rung is None:
        return None  # the journal of that day is gone
    judged = [(one, verdict(one, rung, ring.started_at, most, waited_s)) for one in stood]
    return Judged(ring.started_at, queue, ring.seat, waited_s, most, sorted(judged, key=lambda one: not one[1].rung))


def _decided(row: Mapping[str, Any]) -> list[Happening]:
    at = row["decided_at"].timestamp()
    reasons = [Reason(each["why"], each["seconds"]) for each in row["credit_reasons"]]
    lines = [Happening(at, "routed", f"to {row['queue']}, credit {told(row['credit_s'], reasons)}")]
    if row["last_agent_why"]:
        first = f", tried first for {row['last_agent_s']} s" if row["last_seat"] else ""
        lines.append(Happening(at, "last agent", f"{row['last_agent_why']}{first}"))
    if row["prediction_why"]:
        lines.append(Happening(at, "foretold", _foretold(row)))
    return lines


def _foretold(row: Mapping[str, Any]) -> str:
    if row["low_s"] is None:
        return f"place {row['position']}, no honest range: {row['prediction_why']}"
    said = "announced" if row["announced"] else "not announced"
    return f"place {row['position']}, {row['low_s']} to {row['high_s']} s ({row['prediction_why']}), {said}"


def _order(one: Joined) -> str:
    ahead = one.order[: max(0, one.place - 1)]
    named = ", ".join(
        f"{each.caller or 'unknown'} (came {datetime.fromtimestamp(each.joined, UTC):%H:%M:%S} UTC"
        + (f", credit {each.credit_s} s)" if each.credit_s else ")")
        for each in ahead[-MOST_NAMED:]
    )
    return f"{one.queue}: place {one.place} of {len(one.order)}" + (f", behind {named}" if ahead else "")


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
