"""A promise to call back: made only where it can be kept, once for each number and queue.

Called by the IVR, pages, the api and the command line. Asked for twice, it is promised once: the open promise is given
back as it is. Refusal with one sentence where nobody can be rung; `why` of it is a word for figures. Who confirms
first sees what would be promised (`foresee`), and is promised that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, audit, callbacks, customers, hours, routing
from crm.callbacks import Promise
from crm.hints import hint_live, hint_wishes
from crm.refusals import Refusal
from crm.rules import callback_policy as policy
from crm.rules.calling_hours import Callee, Refused, Spans, check_wish, common, lawful_spans
from crm.rules.opening_hours import open_spans
from crm.rules.waiting_credit import Standing, waiting_credit
from crm.settings import Settings
from crm.tables.customers import LANGUAGES, Customer
from crm.tables.queues import Queue

ABOUT_CHARACTERS = 200
UNKNOWN_HANDLING_S = 300.0


class Wanted(Struct, frozen=True):
    """What is asked for. `number`: as typed or signalled; `joined_at`: since when the customer has waited (None: now);
    `begin`: of a slot (None: in turn); `seen`: the window in turn that the customer was shown and agreed to; `owner`:
    the login of who should call."""

    queue: str
    number: str | None
    source: str
    by: str
    language: str | None = None
    customer_id: UUID | None = None
    about: str = ""
    joined_at: datetime | None = None
    begin: datetime | None = None
    seen: policy.Window | None = None
    zone: str | None = None
    wish: str | None = None
    owner: str | None = None
    linkedid: str | None = None


class CannotPromise(Refusal):
    """`why`: a word for figures, as in crm.rules."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.sentence)
        self.why = refused.code


class Booked(Struct, frozen=True):
    """`already`: it had been promised before."""

    promise: Promise
    already: bool


class Foreseen(Struct, frozen=True):
    """What would be promised. `standing`: what is promised already; `window`: in turn (None: `why` not, in a word);
    `slots`: windows of other hours that are free."""

    number_e164: str
    standing: Promise | None = None
    window: policy.Window | None = None
    why: str | None = None
    slots: Sequence[policy.Slot] = ()


async def foresee(session: AsyncSession, settings: Settings, wanted: Wanted, now: datetime | None = None) -> Foreseen:
    """What `book` would promise now; nothing is written. CannotPromise where neither a turn nor a slot is left."""
    now = now or datetime.now(UTC)
    number, customer = await _whom(session, settings, wanted)
    standing = await callbacks.open_one(session, wanted.queue, number, customer.id if customer else None)
    if standing is not None:
        return Foreseen(number, standing=await _shown(session, standing.id))
    callee = await callee_of(session, number, wanted.zone, wanted.wish)
    slots = [] if callee.do_not_call else await free_slots(session, settings, wanted.queue, callee, now)
    try:
        window = await _window(session, settings, wanted, callee, _credit(settings, customer), now)
    except CannotPromise as refused:
        if not slots:
            raise
        return Foreseen(number, why=refused.why, slots=slots)
    return Foreseen(number, window=window, slots=slots)


async def book(session: AsyncSession, settings: Settings, wanted: Wanted, now: datetime | None = None) -> Booked:
    """Promise it, or give back the promise that stands."""
    now = now or datetime.now(UTC)
    number, customer = await _whom(session, settings, wanted)
    standing = await callbacks.open_one(session, wanted.queue, number, customer.id if customer else None)
    if standing is not None:
        return Booked(await _shown(session, standing.id), True)
    callee = await callee_of(session, number, wanted.zone, wanted.wish)
    credit = _credit(settings, customer)
    if wanted.begin is not None:
        await callbacks.slots_held(session, settings.node, wanted.queue)
    window = await _window(session, settings, wanted, callee, credit, now)
    owner = await _owner(session, wanted.owner)
    joined_at = min(wanted.joined_at or now, now)
    values = {
        "node": settings.node, "queue": wanted.queue, "number_e164": number, "language": _language(wanted, customer),
        "customer_id": customer.id if customer else None, "about": _about(wanted.about), "source": wanted.source,
        "booked_by": wanted.by, "linkedid": wanted.linkedid, "credit_s": credit, "zone": wanted.zone or None,
        "wish": wanted.wish or None, "owner_id": owner,
        "joined_at": joined_at if wanted.begin is None else window.begin,
        "place_at": (joined_at if wanted.begin is None else window.begin) - timedelta(seconds=credit),
        "window_begin": window.begin, "window_end": window.end, "due_at": max(now, window.begin),
    }  # fmt: skip
    made = await callbacks.write(session, values)
    if made is None:  # somebody was quicker
        standing = await callbacks.open_one(session, wanted.queue, number, customer.id if customer else None)
        if standing is None:
            raise CannotPromise(Refused("busy", "this promise was changed just now: ask again"))
        return Booked(await _shown(session, standing.id), True)
    await audit.note(session, by=wanted.by, did="callback.book", subject="callback", subject_id=str(made))
    await hint_wishes(session, settings.node)
    await hint_live(session, settings.node, queues=[wanted.queue])
    return Booked(await _shown(session, made), False)


async def free_slots(
    session: AsyncSession, settings: Settings, queue: str, callee: Callee, now: datetime | None = None
) -> list[policy.Slot]:
    """Windows days ahead that still take somebody."""
    now = now or datetime.now(UTC)
    fit = await fit_spans(session, settings, queue, callee, now, days=policy.MOST_DAYS)
    taken = await callbacks.taken_slots(session, settings.node, queue, now)
    minutes, capacity = settings.callback_slot_minutes, settings.callback_slot_capacity
    return policy.slots(fit, taken, now=now, minutes=minutes, capacity=capacity)


async def fit_spans(
    session: AsyncSession, settings: Settings, queue: str, callee: Callee, now: datetime, *, days: int
) -> Spans:
    """When the queue is open and the number may be rung."""
    openings = await hours.read(session, hours.by_settings(settings))
    own, specials = openings.of(queue)
    end = now + timedelta(days=days)
    lawful = lawful_spans(callee, now, end, settings.callback_hours_said)
    return common(open_spans(own, now, end, specials), lawful)


async def callee_of(session: AsyncSession, number: str, zone: str | None, wish: str | None) -> Callee:
    """Whom to ring, with what was said of the number."""
    try:
        check_wish(wish or "", zone)
    except ValueError as fault:
        raise CannotPromise(Refused("unreadable_wish", str(fault))) from None
    return Callee(number, await customers.is_do_not_call(session, number), zone or None, wish or None)


async def _window(
    session: AsyncSession, settings: Settings, wanted: Wanted, callee: Callee, credit_s: int, now: datetime
) -> policy.Window:
    if callee.do_not_call:
        raise CannotPromise(Refused("do_not_call", f"{callee.e164} asked not to be called"))
    if wanted.begin is not None:
        for slot in await free_slots(session, settings, wanted.queue, callee, now):
            if slot.begin == wanted.begin:
                return policy.Window(slot.begin, slot.end)
        raise CannotPromise(Refused("slot_taken", f"{wanted.begin:%Y-%m-%d %H:%M %Z} cannot be promised any more"))
    fit = await fit_spans(session, settings, wanted.queue, callee, now, days=1)
    low_s, high_s = await _wait(session, settings, wanted.queue, credit_s)
    found = policy.window(now, low_s, high_s, fit)
    if isinstance(found, Refused):
        raise CannotPromise(found)
    if wanted.seen is None:
        return found
    if not policy.still_holds(wanted.seen, found):
        raise CannotPromise(Refused("moved", "the time that was shown cannot be promised any more: look again"))
    return wanted.seen


async def _wait(session: AsyncSession, settings: Settings, queue: str, credit_s: int) -> tuple[float, float]:
    """The range until their turn. Where too few calls were seen to foretell it, a cautious one."""
    foretold = await routing.foretell(session, settings.node, queue, credit_s)
    if foretold.low_s is not None and foretold.high_s is not None:
        return foretold.low_s, foretold.high_s
    seats = await callbacks.working_seats(session, settings.node, queue)
    if not seats:
        raise CannotPromise(Refused("nobody_works", f"nobody works in {queue} now: offer a slot instead"))
    return 0.0, UNKNOWN_HANDLING_S * (1 + foretold.position / seats)


async def _whom(session: AsyncSession, settings: Settings, wanted: Wanted) -> tuple[str, Customer | None]:
    number = policy.number_of(wanted.number, settings.country, settings.callback_served)
    if isinstance(number, Refused):
        raise CannotPromise(number)
    if await session.get(Queue, wanted.queue) is None:
        raise CannotPromise(Refused("no_such_queue", f"there is no queue {wanted.queue!r}: see `kefu queue list`"))
    return number, await _customer(session, number, wanted.customer_id)


def _credit(settings: Settings, customer: Customer | None) -> int:
    return waiting_credit(Standing(customer.tier if customer else None), settings.waiting_credit).seconds


async def _customer(session: AsyncSession, number: str, told: UUID | None) -> Customer | None:
    if told is not None:
        return await customers.current(session, told)
    found = await customers.find_by_number(session, number)
    return found[0] if len(found) == 1 else None


async def _owner(session: AsyncSession, login: str | None) -> UUID | None:
    if login is None:
        return None
    agent = await agents.find(session, login)
    if agent is None or not agent.active:
        raise CannotPromise(Refused("no_such_agent", f"there is no agent {login!r}: see `kefu agent list`"))
    return agent.id


def _language(wanted: Wanted, customer: Customer | None) -> str:
    said = wanted.language or (customer.language if customer else None)
    return said if said in LANGUAGES else LANGUAGES[0]


def _about(said: str) -> str:
    about = " ".join(said.replace("\x00", "").split())
    if len(about) > ABOUT_CHARACTERS:
        raise CannotPromise(
            Refused("too_long", f"what it is about has {len(about)} characters: {ABOUT_CHARACTERS} fit")
        )
    return about


async def _shown(session: AsyncSession, callback_id: UUID) -> Promise:
    found = await callbacks.find(session, callback_id)
    assert found is not None
    return found
