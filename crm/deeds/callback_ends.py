"""How a promise is judged and ends: whether the phone rang in its window, and the take-out of the try that goes on.

Called by the deeds that move promises on: after a try, by people, by the customer who rings in.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from crm import callback_tries
from crm.refusals import Refusal
from crm.tables.callbacks import Callback, CallbackAttempt


def rung_since(attempt: CallbackAttempt) -> datetime | None:
    """Who is dialled first is rung as soon as the try has a channel."""
    return attempt.dialled_at or (attempt.seen_at if attempt.kind == "customer_first" else None)


def count_ring(promise: Callback, rang_at: datetime | None) -> None:
    """The customer's phone has rung for this, None: it has not. The first time says whether the promise was kept."""
    if rang_at is None:
        return
    promise.dials += 1
    if promise.kept is None:
        promise.kept = rang_at <= promise.window_end


def judge(promise: Callback, at: datetime) -> None:
    """Nobody was rung, and the window was over at `at`: whatever comes now, this promise was broken."""
    if promise.kept is None and promise.window_end < at:
        promise.kept = False


def close(promise: Callback, state: str, by: str, now: datetime, *, at: datetime | None = None) -> None:
    """The promise is over. One of which nothing was dialled in its time is broken; one that ended before that by the
    customer's will is not judged. at: when what ends it happened (None: now)."""
    promise.state, promise.closed_at, promise.closed_by = state, now, by
    if promise.kept is None and state in ("given_up", "refused"):
        promise.kept = False
    judge(promise, at or now)


async def take_from_its_place(session: AsyncSession, promise: Callback, outcome: str, why: str) -> None:
    """The try that goes on, if there is one, is over by somebody's word. Refusal while the customer's phone rings."""
    attempt = await callback_tries.open_attempt(session, promise.id)
    if attempt is None:
        return
    if attempt.ended_at is None and (attempt.dialled_at is not None or attempt.kind == "customer_first"):
        raise Refusal("the customer's phone rings just now: wait for the end of this call")
    count_ring(promise, rung_since(attempt))
    attempt.settled_at, attempt.outcome, attempt.why = datetime.now(UTC), outcome, why or None
