"""Which promises are placed now, and what becomes of each after a try: the bridge asks, rows answer.

`claim` writes the row of each try and hands back what to send; only when that is committed may a byte leave. `settle`
moves a promise on by what was seen of its try; done twice, it is done once. So a bridge may die anywhere between.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import callback_tries, callbacks, hours
from crm.callback_tries import Standing
from crm.hints import hint_live
from crm.hours import Openings
from crm.rules import callback_policy as policy
from crm.rules.calling_hours import Callee, Refused, lawful_spans, next_moment, why_not
from crm.rules.personal_queues import number_of, personal_queue
from crm.rules.phone_display import shown_as
from crm.settings import Settings
from crm.tables.agents import SeatSession
from crm.tables.callbacks import Callback, CallbackAttempt
from crm.tables.customers import Customer

AT_ONCE = 20
POSTPONED = timedelta(minutes=1)
LONGEST_PLACE_S = 4 * 3600
SHORTEST_PLACE_S = 60
OWNER_RINGS_S = 20
NOBODY_WORKS_AGAIN = timedelta(seconds=20)
RANG = ("reached", "no_answer", "busy", "rejected", "voicemail")


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


class Kept(Struct, frozen=True):
    """How many seats stand in each queue, and which numbers asked not to be called."""

    seats: dict[str, int]
    silenced: set[str]


async def claim(
    session: AsyncSession, settings: Settings, node: str, fence: int, now: datetime | None = None
) -> list[Place]:
    """Open a try of each promise that is due, may be rung now and finds a place; others are put off, with
    the reason. Those of queues that dial the customer first: dial_customers.py."""
    now = now or datetime.now(UTC)
    taken = await callback_tries.places_taken(session, node)
    most = settings.callback_places
    full = {queue: standing.last_at for queue, standing in taken.items() if standing.taken >= most}
    due = await callback_tries.claim(session, node, fence, full=full, limit=AT_ONCE)
    if not due:
        return []
    openings = await hours.read(session, hours.by_settings(settings))
    placed = []
    kept_from = await what_keeps(session, node, due)
    for promise in due:
        standing = taken.setdefault(promise.queue, Standing(0, promise.place_at))
        if standing.taken >= most and promise.place_at >= standing.last_at:
            continue
        callee = fit(promise, kept_from, openings, settings, now)
        if callee is None:
            continue
        attempt_id = await callback_tries.write_attempt(session, promise, fence)
        standing.taken, standing.last_at = standing.taken + 1, max(standing.last_at, promise.place_at)
        placed.append(await place_of(session, promise, attempt_id, callee, settings, now))
    queues = {promise.queue for promise in due}
    await hint_live(session, node, queues=queues)
    return placed


async def what_keeps(session: AsyncSession, node: str, due: Sequence[Callback]) -> Kept:
    """What is asked once for all that is due."""
    queues = {each.queue for each in due}
    seats = {queue: await callbacks.standing_seats(session, node, queue) for queue in queues}
    return Kept(seats, await callbacks.silenced_among(session, {each.number_e164 for each in due}))


def fit(promise: Callback, kept_from: Kept, openings: Openings, settings: Settings, now: datetime) -> Callee | None:
    """Whom to ring now; None: not now, and the promise is put off with the reason."""
    if not kept_from.seats[promise.queue]:
        promise.not_now, promise.not_now_why = "nobody_works", f"nobody is signed in to {promise.queue}"
        promise.due_at = now + NOBODY_WORKS_AGAIN
        return None
    silenced = promise.number_e164 in kept_from.silenced
    callee = Callee(promise.number_e164, silenced, promise.zone, promise.wish)
    refused = why_not_now(callee, promise.queue, openings, settings, now)
    if refused is not None:
        _put_off(promise, callee, refused, openings, settings, now)
        return None
    promise.not_now = promise.not_now_why = None
    return callee


def why_not_now(callee: Callee, queue: str, openings: Openings, settings: Settings, now: datetime) -> Refused | None:
    """What forbids to place it at this instant: the number, its hours, the queue's hours."""
    refused = why_not(callee, now, settings.callback_hours_said)
    if refused is not None:
        return refused
    met = openings.now(queue, now)
    return None if met.is_open else Refused("queue_closed", f"{queue} is closed ({met.why})")


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
    rang_at = _rung_since(attempt) or (now if word in RANG else None)
    promise.dials += rang_at is not None
    attempt.settled_at, attempt.outcome, attempt.why = now, word, why
    promise.outcome = word
    if rang_at is not None and promise.kept is None:
        promise.kept = rang_at <= promise.window_end
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


def close(promise: Callback, state: str, by: str, now: datetime) -> None:
    """The promise is over. One of which nothing was dialled in its time, and not by the customer's will, is broken."""
    promise.state, promise.closed_at, promise.closed_by = state, now, by
    if promise.kept is None and state in ("given_up", "refused"):
        promise.kept = False


def _put_off(
    promise: Callback, callee: Callee, refused: Refused, openings: Openings, settings: Settings, now: datetime
) -> None:
    promise.not_now, promise.not_now_why = refused.code, refused.sentence
    if refused.code in ("do_not_call", "zone_unknown"):
        close(promise, "refused", "bridge", now)
        return
    said = settings.callback_hours_said
    later = next_moment(callee, now, said)
    opens = openings.opens_next(promise.queue, now)
    at = max(each for each in (later, opens, now + POSTPONED) if each is not None)
    if later is None or at > promise.asked_at + timedelta(days=policy.MOST_DAYS + 1):
        close(promise, "refused", "bridge", now)
        return
    promise.due_at = at


async def place_of(
    session: AsyncSession,
    promise: Callback,
    attempt_id: UUID,
    callee: Callee,
    settings: Settings,
    now: datetime,
    *,
    seat: str = "",
) -> Place:
    """For how long the place may stand: until the number may be rung no more."""
    until = now + timedelta(seconds=LONGEST_PLACE_S)
    fit = lawful_spans(callee, now, until, settings.callback_hours_said)
    ends = fit[0][1] if fit and fit[0][0] <= now else until
    customer = await session.get(Customer, promise.customer_id) if promise.customer_id else None
    return Place(
        str(attempt_id),
        promise.queue,
        promise.number_e164,
        promise.language,
        shown_as(customer.tier, customer.name) if customer else "",
        int(promise.joined_at.timestamp()),
        promise.credit_s,
        max(SHORTEST_PLACE_S, int((ends - now).total_seconds())),
        "" if seat else await _owner(session, promise),
        seat,
        promise.source,
    )


async def _owner(session: AsyncSession, promise: Callback) -> str:
    """The seat of whose customer it is, where they sit now; whoever signed out leaves it to the team."""
    if promise.owner_id is None:
        return ""
    sits = select(SeatSession.seat).where(
        SeatSession.agent_id == promise.owner_id, SeatSession.node == promise.node, SeatSession.signed_out_at.is_(None)
    )
    seat = await session.scalar(sits.limit(1))
    number = number_of(personal_queue(seat) or "") if seat else ""
    return f"{number}/{OWNER_RINGS_S}" if number else ""


def _facts(attempt: CallbackAttempt) -> policy.Facts:
    """A customer who stands in the queue has pressed 1, whether that was heard or not; and one who is dialled first, of
    whose end nothing was told, has not answered."""
    first = attempt.kind == "customer_first"
    return policy.Facts(
        _rung_since(attempt) is not None,
        attempt.talked_at is not None,
        "1" if attempt.chose is None and attempt.queued_at is not None else attempt.chose,
        attempt.dial_status or ("NOANSWER" if first else ""),
        attempt.cause or 0,
    )


def _rung_since(attempt: CallbackAttempt) -> datetime | None:
    """Who is dialled first is rung as soon as the try has a channel."""
    return attempt.dialled_at or (attempt.seen_at if attempt.kind == "customer_first" else None)
