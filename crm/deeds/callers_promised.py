"""Customers to whom a callback is promised and who ring in themselves: the dial must not overtake them, nor be lost.

While they wait, nobody dials them, and the place that stands for them in the queue is taken out; whatever becomes of
that wait, the promise stands as it was, with the place it has. Only an agent's answer in the promised queue ends it:
not in the call in which it was promised, and not before an hour that was chosen. Who waits the bridge knows by itself;
who was answered stands in the ledger, and is looked up before anybody is dialled: a bridge may die anywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, callback_callers, callback_tries, callbacks, customers
from crm.callback_tries import Due
from crm.hints import hint_live, hint_wishes
from crm.rules.callback_policy import OPEN_STATES
from crm.rules.number_spellings import spellings
from crm.rules.personal_queues import is_personal
from crm.rules.phone_numbers import to_e164
from crm.settings import Settings
from crm.tables.callbacks import Callback

from .callback_ends import close, rung_since, take_from_its_place

ON_LINE = "on_line"
_e164 = lru_cache(maxsize=10_000)(to_e164)


class CallerSeen(Struct, frozen=True):
    """Who joined a queue by themselves. `number`: as signalled; `answered_at`: by an agent (None: they wait)."""

    number: str
    linkedid: str
    queue: str
    answered_at: datetime | None = None


async def meet(session: AsyncSession, settings: Settings, node: str, seen: CallerSeen) -> bool:
    """A caller waits, or was answered: what that means for the promise to them. False: their phone is rung for it just
    now; ask again when that is over."""
    number = _e164(seen.number, settings.country)
    if number is None:
        return True
    queue = seen.queue
    if is_personal(queue):
        queue = await callback_callers.routed_to(session, node, seen.linkedid) or queue
    found = await callbacks.open_one(session, queue, number, await _alone(session, number))
    promise = await callbacks.locked(session, found.id) if found is not None else None
    if promise is None or promise.state not in OPEN_STATES or promise.node != node:
        return True
    if seen.answered_at is None:
        return await _step_aside(session, promise, seen.linkedid)
    begins = max(promise.asked_at, min(promise.joined_at, promise.window_begin))
    if promise.linkedid == seen.linkedid or seen.answered_at < begins:
        return True
    return await _attach(session, promise, seen.linkedid, seen.answered_at)


async def look_up(session: AsyncSession, settings: Settings, node: str) -> int:
    """Take out places of customers who were answered while nobody looked; how many."""
    standing = await callback_callers.standing(session, node)
    return len(await _end_served(session, await _own_numbers(session, standing)))


async def without_callers(
    session: AsyncSession, settings: Settings, due: Sequence[Due], on_line: Iterable[str]
) -> list[Due]:
    """Of promises that are due and locked, those to dial: neither whose customer waits in a queue now, by any of their
    numbers, nor whose customer was answered meanwhile, which ends them. on_line: numbers as signalled."""
    if not due:
        return []
    numbers = {number for raw in on_line if (number := _e164(raw, settings.country)) is not None}
    theirs = await _own_numbers(session, [each.promise for each in due])
    over = await _end_served(session, theirs)
    left = []
    for each in due:
        if each.promise.id in over:
            continue
        if numbers & theirs[each.promise.id]:
            each.promise.not_now, each.promise.not_now_why = ON_LINE, "the customer waits in a queue just now"
            continue
        left.append(each)
    return left


async def _end_served(session: AsyncSession, numbers: Mapping[UUID, set[str]]) -> set[UUID]:
    """Which of these promises, by the numbers of their customers, an answered call has ended."""
    spelled = [(of, way) for of, theirs in numbers.items() for number in theirs for way in spellings(number)]
    over = set()
    for each in await callback_callers.served(session, spelled):
        promise = await callbacks.locked(session, each.callback_id)
        if promise is None or promise.state not in OPEN_STATES:
            continue
        if await _attach(session, promise, each.linkedid, each.at):
            over.add(promise.id)
    return over


async def _own_numbers(session: AsyncSession, promises: Collection[Callback]) -> dict[UUID, set[str]]:
    """By promise, the numbers by which its customer may ring in."""
    known = await callback_callers.own_numbers(session, {each.customer_id for each in promises if each.customer_id})
    return {
        each.id: {each.number_e164} | (known.get(each.customer_id, set()) if each.customer_id else set())
        for each in promises
    }


async def _alone(session: AsyncSession, number: str) -> UUID | None:
    owners = await customers.find_by_number(session, number)
    return owners[0].id if len(owners) == 1 else None


async def _is_rung(session: AsyncSession, promise: Callback) -> bool:
    """Whether a try goes on that dials the customer, or has done so and is not settled: its end comes first."""
    attempt = await callback_tries.open_attempt(session, promise.id)
    return attempt is not None and (attempt.kind == "customer_first" or rung_since(attempt) is not None)


async def _step_aside(session: AsyncSession, promise: Callback, linkedid: str) -> bool:
    if promise.state != "placed":
        return True
    if await _is_rung(session, promise):
        return False
    await take_from_its_place(session, promise, "attached", f"rang in ({linkedid})")
    promise.state, promise.outcome = "waiting", "attached"
    await _told(session, promise)
    return True


async def _attach(session: AsyncSession, promise: Callback, linkedid: str, at: datetime) -> bool:
    """The promise is kept by this call, and nobody rings them."""
    if await _is_rung(session, promise):
        return False
    await take_from_its_place(session, promise, "attached", f"rang in ({linkedid})")
    promise.outcome = "attached"
    close(promise, "attached", "bridge", datetime.now(UTC), at=at)
    await audit.note(session, by="bridge", did="callback.attach", subject="callback", subject_id=str(promise.id))
    await _told(session, promise)
    return True


async def _told(session: AsyncSession, promise: Callback) -> None:
    await session.flush()
    await hint_wishes(session, promise.node)
    await hint_live(session, promise.node, queues=[promise.queue])
