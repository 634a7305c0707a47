"""Which promises are placed now, and what becomes of each after a try: the bridge asks, rows answer.

`claim` writes the row of each try and hands back what to send; only when that is committed may a byte leave. `settle`
moves a promise on by what was seen of its try; done twice, it is done once. So a bridge may die anywhere between.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from crm import callback_tries, callbacks, hours
from crm.callback_tries import Due
from crm.hints import hint_live
from crm.hours import Openings
from crm.rules import callback_policy as policy
from crm.rules.calling_hours import Callee, Refused, lawful_spans, next_moment, why_not
from crm.rules.personal_queues import number_of, personal_queue
from crm.rules.phone_display import shown_as
from crm.settings import Settings
from crm.tables.callbacks import Callback, CallbackAttempt

from .callback_ends import close, count_ring, rung_since
from .callers_promised import without_callers

AT_ONCE = 20
POSTPONED = timedelta(minutes=1)
LONGEST_PLACE_S = 4 * 3600
SHORTEST_PLACE_S = 60
OWNER_RINGS_S = 20
NOBODY_WORKS_AGAIN = timedelta(seconds=20)
RANG = ("reached", "no_answer", "busy", "rejected", "voicemail", "agent_left")


class Place(Struct, frozen=True):
    """What the bridge sends for one try. `joined_at`: epoch seconds; `limit_s`: after so long nobody may be rung;
    `owner`: "1001/20", the seat that is rung first and for how many seconds. `seat`: kept free while the customer is
    dialled first; `source`: where the promise came from, which is whispered to the agent."""

    attempt_id: str
    queue: str
    number_e164: str
    language: str
    name: str
    joined_at: int
    credit_s: int
    limit_s: int
    owner: str = ""
    seat: str = ""
    source: str = ""


async def claim(
    session: AsyncSession,
    settings: Settings,
    node: str,
    fence: int,
    now: datetime | None = None,
    *,
    on_line: Collection[str] = (),
) -> list[Place]:
    """Open a try of each promise that is due, may be rung now and finds a place; others are put off, with
    the reason. Those of queues that dial the customer first: dial_customers.py. on_line: numbers, as signalled, of
    who waits in a queue now."""
    now = now or datetime.now(UTC)
    most = settings.callback_places
    due, taken = await callback_tries.claim(session, node, fence, most=most, limit=AT_ONCE)
    if not due:
        return []
    decided_by = await moment(session, settings, now)
    placed = []
    for each in await without_callers(session, settings, due, on_line):
        promise, standing = each.promise, taken[each.promise.queue]
        if standing.taken >= most and promise.place_at >= standing.last_at:
            continue
        callee = fit(each, decided_by)
        if callee is None:
            continue
        attempt_id = callback_tries.write_attempt(session, promise, fence)
        standing.taken, standing.last_at = standing.taken + 1, max(standing.last_at, promise.place_at)
        placed.append(place_of(each, attempt_id, callee, settings, now))
    await session.flush()
    await hint_live(session, node, queues={each.promise.queue for each in due})
    return placed


class Moment:
    """What decides at one instant about all that is due: each queue's hours are looked at once."""

    def __init__(self, openings: Openings, settings: Settings, now: datetime) -> None:
        self.openings, self.settings, self.now = openings, settings, now
        self._closed: dict[str, Refused | None] = {}

    def why_not(self, callee: Callee, queue: str) -> Refused | None:
        """What forbids to place it: the number, its hours, the queue's hours."""
        return why_not(callee, self.now, self.settings.callback_hours_said) or self._why_closed(queue)

    def _why_closed(self, queue: str) -> Refused | None:
        if queue not in self._closed:
            met = self.openings.now(queue, self.now)
            self._closed[queue] = None if met.is_open else Refused("queue_closed", f"{queue} is closed ({met.why})")
        return self._closed[queue]


async def moment(session: AsyncSession, settings: Settings, now: datetime) -> Moment:
    """What holds now."""
    return Moment(await hours.read(session, hours.by_settings(settings)), settings, now)


def fit(due: Due, moment: Moment) -> Callee | None:
    """Whom to ring now; None: not now, and the promise is put off with the reason."""
    promise = due.promise
    if not due.seats:
        promise.not_now, promise.not_now_why = "nobody_works", f"nobody is signed in to {promise.queue}"
        promise.due_at = moment.now + NOBODY_WORKS_AGAIN
        return None
    callee = Callee(promise.number_e164, due.silenced, promise.zone, promise.wish)
    refused = moment.why_not(callee, promise.queue)
    if refused is not None:
        _put_off(promise, callee, refused, moment)
        return None
    promise.not_now = promise.not_now_why = None
    return callee


async def settle(
    session: AsyncSession, attempt_id: UUID, outcome: str | None = None, *, why: str | None = None
) -> str | None:
    """Move a promise on by a try that has ended. `outcome`: where it is known otherwise than by what was seen; None: by
    what was seen. Answers the promise's state; None when the try was settled before."""
    attempt = await callback_tries.locked_attempt(session, attempt_id)
    if attempt is None:
        return None
    promise = await callbacks.locked(session, attempt.callback_id)
    assert promise is not None
    word = outcome or policy.outcome_of(_facts(attempt))
    now = datetime.now(UTC)
    rang_at = rung_since(attempt) or (now if word in RANG else None)
    count_ring(promise, rang_at)
    attempt.settled_at, attempt.outcome, attempt.why = now, word, why
    promise.outcome = word
    if promise.state == "placed":
        _move_on(promise, policy.after(word, dials=promise.dials, credit_s=promise.credit_s, now=now), now)
    await session.flush()
    await hint_live(session, promise.node, queues=[promise.queue])
    return promise.state


def _move_on(promise: Callback, then: policy.Next, now: datetime) -> None:
    promise.state, promise.credit_s = then.state, then.credit_s
    promise.place_at = promise.joined_at - timedelta(seconds=then.credit_s)
    if then.due_at is not None:
        promise.due_at = then.due_at
    else:
        close(promise, then.state, "bridge", now)


def _put_off(promise: Callback, callee: Callee, refused: Refused, moment: Moment) -> None:
    now = moment.now
    promise.not_now, promise.not_now_why = refused.code, refused.sentence
    if refused.code in ("do_not_call", "zone_unknown"):
        close(promise, "refused", "bridge", now)
        return
    later = next_moment(callee, now, moment.settings.callback_hours_said)
    opens = moment.openings.opens_next(promise.queue, now)
    at = max(each for each in (later, opens, now + POSTPONED) if each is not None)
    if later is None or at > promise.asked_at + timedelta(days=policy.MOST_DAYS + 1):
        close(promise, "refused", "bridge", now)
        return
    promise.due_at = at


def place_of(due: Due, attempt_id: UUID, callee: Callee, settings: Settings, now: datetime, *, seat: str = "") -> Place:
    """For how long the place may stand: until the number may be rung no more."""
    promise = due.promise
    until = now + timedelta(seconds=LONGEST_PLACE_S)
    fit = lawful_spans(callee, now, until, settings.callback_hours_said)
    ends = fit[0][1] if fit and fit[0][0] <= now else until
    return Place(
        str(attempt_id),
        promise.queue,
        promise.number_e164,
        promise.language,
        shown_as(due.tier, due.customer_name) if due.customer_name is not None else "",
        int(promise.joined_at.timestamp()),
        promise.credit_s,
        max(SHORTEST_PLACE_S, int((ends - now).total_seconds())),
        "" if seat else _owner(due.owner_seat),
        seat,
        promise.source,
    )


def _owner(seat: str | None) -> str:
    """The seat of whose customer it is, where they sit now; whoever signed out leaves it to the team."""
    number = number_of(personal_queue(seat) or "") if seat else ""
    return f"{number}/{OWNER_RINGS_S}" if number else ""


def _facts(attempt: CallbackAttempt) -> policy.Facts:
    """A customer who stands in the queue has pressed 1, whether that was heard or not; and one who is dialled first, of
    whose end nothing was told, has not answered."""
    first = attempt.kind == "customer_first"
    return policy.Facts(
        rung_since(attempt) is not None,
        attempt.talked_at is not None,
        "1" if attempt.chose is None and attempt.queued_at is not None else attempt.chose,
        attempt.dial_status or ("NOANSWER" if first else ""),
        attempt.cause or 0,
    )
