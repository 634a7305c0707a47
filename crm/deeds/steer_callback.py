"""What people do with a promise: cancel it, move it, put it back, ask why it is not dialled.

Called by pages, the api and the command line. A promise whose phone rings just now is left alone. A place that stands
in a queue is taken out by the bridge, as soon as it sees that its try is settled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, callback_tries, callbacks, customers, queues
from crm.callbacks import Attempt, Promise
from crm.hints import hint_live, hint_wishes
from crm.refusals import Refusal
from crm.rules.callback_policy import MOST_DAYS, OPEN_STATES
from crm.rules.calling_hours import Callee
from crm.settings import Settings
from crm.tables.callbacks import Callback
from crm.tables.nodes import Node

from .book_callback import CannotPromise, callee_of, fit_spans, free_slots
from .callback_ends import close, judge, take_from_its_place
from .callers_promised import ON_LINE
from .place_callbacks import moment

REQUEUED_MINUTES = 30


async def cancel(session: AsyncSession, callback_id: UUID, *, by: str, why: str = "") -> Promise:
    """The customer wants it no more."""
    promise = await _open(session, callback_id)
    await take_from_its_place(session, promise, "cancelled", why)
    promise.outcome = "cancelled"
    close(promise, "cancelled", by, datetime.now(UTC))
    return await _done(session, promise, by, "callback.cancel", why)


async def reschedule(
    session: AsyncSession, settings: Settings, callback_id: UUID, begin: datetime, *, by: str
) -> Promise:
    """Another window, of those that are free."""
    promise = await _open(session, callback_id)
    callee = await callee_of(session, promise.number_e164, promise.zone, promise.wish)
    await callbacks.slots_held(session, settings.node, promise.queue)
    slots = await free_slots(session, settings, promise.queue, callee)
    slot = next((each for each in slots if each.begin == begin), None)
    if slot is None:
        near = ", ".join(f"{each.begin.astimezone(settings.zone):%Y-%m-%d %H:%M}" for each in slots[:3])
        raise Refusal(f"{begin.astimezone(settings.zone):%Y-%m-%d %H:%M} is not free: {near or 'nothing'} is")
    await take_from_its_place(session, promise, "not_served", "another time was chosen")
    judge(promise, datetime.now(UTC))
    promise.state = "waiting"
    promise.window_begin, promise.window_end, promise.due_at = slot.begin, slot.end, slot.begin
    promise.joined_at = slot.begin
    promise.place_at = slot.begin - timedelta(seconds=promise.credit_s)
    promise.not_now = promise.not_now_why = None
    promise.at_risk_since = promise.at_risk_why = None
    return await _done(session, promise, by, "callback.reschedule", f"{slot.begin:%Y-%m-%dT%H:%MZ}")


async def requeue(session: AsyncSession, settings: Settings, callback_id: UUID, *, by: str) -> Promise:
    """Open a closed promise again, in turn from now on, or from when somebody may be rung. Once broken it stays so."""
    promise = await callbacks.locked(session, callback_id)
    if promise is None:
        raise Refusal("there is no such callback: see `kefu callback list --list done`")
    if promise.state in OPEN_STATES:
        raise Refusal("this promise is open already")
    if await callbacks.open_one(session, promise.queue, promise.number_e164, promise.customer_id) is not None:
        raise Refusal(f"{promise.number_e164} has another open promise in {promise.queue}")
    if await customers.is_do_not_call(session, promise.number_e164):
        raise Refusal(f"{promise.number_e164} asked not to be called")
    now = datetime.now(UTC)
    callee = await callee_of(session, promise.number_e164, promise.zone, promise.wish)
    fit = await fit_spans(session, settings, promise.queue, callee, now, days=MOST_DAYS)
    begin = max(now, fit[0][0]) if fit else now
    promise.state, promise.closed_at, promise.closed_by = "waiting", None, None
    promise.kept = False if promise.kept is False else None
    promise.dials, promise.due_at, promise.outcome = 0, begin, None
    promise.at_risk_since = promise.at_risk_why = None
    promise.window_begin, promise.window_end = begin, begin + timedelta(minutes=REQUEUED_MINUTES)
    promise.joined_at = now
    promise.place_at = now - timedelta(seconds=promise.credit_s)
    return await _done(session, promise, by, "callback.requeue", "")


async def dial_now(session: AsyncSession, settings: Settings, callback_id: UUID, *, by: str) -> Promise:
    """Due at once, where the number may be rung now."""
    promise = await _open(session, callback_id)
    if promise.state == "placed":
        raise Refusal("it stands in its queue already")
    callee = await callee_of(session, promise.number_e164, promise.zone, promise.wish)
    now = datetime.now(UTC)
    refused = (await moment(session, settings, now)).why_not(callee, promise.queue)
    if refused is not None:
        raise CannotPromise(refused)
    promise.due_at = now
    promise.window_begin = min(promise.window_begin, now)
    return await _done(session, promise, by, "callback.dial_now", "")


async def why_not_dialled(session: AsyncSession, settings: Settings, callback_id: UUID) -> list[str]:
    """Each thing that keeps this promise from being dialled now, in a sentence; the last is what happens next."""
    promise = await callbacks.find(session, callback_id)
    if promise is None:
        raise Refusal("there is no such callback: see `kefu callback list`")
    now = datetime.now(UTC)
    if promise.state not in OPEN_STATES:
        return [f"it is over: {promise.state} since {_at(promise.closed_at, settings)}"]
    found = []
    callee = Callee(
        promise.number_e164, await customers.is_do_not_call(session, promise.number_e164), promise.zone, promise.wish
    )
    refused = (await moment(session, settings, now)).why_not(callee, promise.queue)
    if refused is not None:
        found.append(refused.sentence)
    found += [
        f"{halt.by} has halted callbacks of {halt.queue or 'all queues'}: {halt.reason or 'no reason given'}"
        for halt in await callbacks.halts(session)
        if halt.queue in (callbacks.ALL, promise.queue)
    ]
    node = await session.get(Node, promise.node)
    if node is None or node.lost_at is not None or node.heard_at is None or now - node.heard_at > timedelta(seconds=5):
        found.append(f"no bridge sees {promise.node} now")
    if not await callbacks.working_seats(session, promise.node, promise.queue):
        found.append(f"nobody works in {promise.queue}")
    standing = (await callback_tries.places_taken(session, promise.node)).get(promise.queue)
    taken = standing.taken if standing else 0
    if promise.state == "placed":
        found.append(_goes_on(await callbacks.attempts_of(session, callback_id), settings))
    elif promise.due_at > now:
        told = f" ({promise.not_now_why})" if promise.not_now_why else ""
        found.append(f"it is due at {_at(promise.due_at, settings)}{told}")
    elif promise.not_now == ON_LINE and promise.not_now_why:
        found.append(promise.not_now_why)
    elif await queues.dials_customers_first(session, promise.queue):
        found.append(
            f"it is dialled when an agent of {promise.queue} is free and nobody waits there with a better place"
        )
    elif taken >= settings.callback_places:
        found.append(f"{taken} callbacks stand in {promise.queue} already, as many as may (callback_places)")
    return found or ["nothing: it is placed with the next look, within a second"]


async def pause_all(session: AsyncSession, settings: Settings, queue: str, *, by: str, reason: str) -> None:
    """Place nothing of this queue ('' for all) until it is resumed; what stands in queues stays."""
    await callbacks.halt(session, queue, by=by, reason=reason)
    await audit.note(session, by=by, did="callback.halt", subject="queue", subject_id=queue or "all")
    await hint_live(session, settings.node)


async def resume(session: AsyncSession, settings: Settings, queue: str, *, by: str) -> bool:
    """Place them again. False when nothing was halted."""
    ended = await callbacks.resume(session, queue)
    if ended:
        await audit.note(session, by=by, did="callback.resume", subject="queue", subject_id=queue or "all")
        await hint_wishes(session, settings.node)
        await hint_live(session, settings.node)
    return ended


def _goes_on(attempts: list[Attempt], settings: Settings) -> str:
    """What becomes of the last try just now."""
    last = attempts[-1] if attempts else None
    if last is not None and last.queued_at is not None and last.talked_at is None:
        return "the customer has answered and waits for an agent"
    if last is not None and (last.dialled_at is not None or last.kind == "customer_first"):
        return "the customer's phone rings"
    return f"it stands in its queue since {_at(last.claimed_at if last else None, settings)}"


async def _open(session: AsyncSession, callback_id: UUID) -> Callback:
    promise = await callbacks.locked(session, callback_id)
    if promise is None:
        raise Refusal("there is no such callback: see `kefu callback list`")
    if promise.state not in OPEN_STATES:
        raise Refusal(f"this promise is over already: {promise.state}")
    return promise


async def _done(session: AsyncSession, promise: Callback, by: str, did: str, detail: str) -> Promise:
    await session.flush()
    told = {"said": detail} if did == "callback.reschedule" and detail else None
    await audit.note(session, by=by, did=did, subject="callback", subject_id=str(promise.id), detail=told)
    await hint_wishes(session, promise.node)
    await hint_live(session, promise.node, queues=[promise.queue])
    found = await callbacks.find(session, promise.id)
    assert found is not None
    return found


def _at(at: datetime | None, settings: Settings) -> str:
    return "-" if at is None else f"{at.astimezone(settings.zone):%Y-%m-%d %H:%M}"
