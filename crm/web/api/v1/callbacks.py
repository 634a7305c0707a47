"""Callbacks: promised by other systems and their web pages, listed, moved, cancelled; the windows that are free."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from msgspec import structs
from pydantic import AwareDatetime, BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from crm import callbacks, customers
from crm.callbacks import Promise
from crm.deeds import book_callback, steer_callback
from crm.deeds.book_callback import CannotPromise, Wanted
from crm.refusals import Refusal
from crm.rules import callback_policy
from crm.rules.calling_hours import Refused as NotRung

from . import replies
from .asking import Asking, asked
from .bounds import must_be_ours, sees
from .fields import PAGE, Code, Given, Limit, Line, Number
from .problems import Refused, answers
from .replies import Key, Reply

router = APIRouter(tags=["callbacks"])

Which = Literal["open", "due", "at_risk", "late", "done", "all"]
Id = Annotated[UUID, Path(description="The callback's id.")]


class CallbackAnswer(BaseModel):
    """A promise. `window_begin`, `window_end`: what the customer was told; `kept`: the phone rang in that window (null:
    not known yet, or by the customer's own doing); `at_risk_why`: it will hardly be kept, because the window ends soon
    ("window") or the forecast misses it ("forecast")."""

    id: UUID
    queue: str
    number_e164: str
    customer_code: str | None
    language: str
    about: str
    source: str
    state: str
    asked_at: datetime
    window_begin: datetime
    window_end: datetime
    due_at: datetime
    dials: int
    outcome: str | None
    not_now: str | None
    not_now_why: str | None
    at_risk_since: datetime | None
    at_risk_why: str | None
    kept: bool | None
    closed_at: datetime | None


class NewCallback(Given):
    """A callback to promise. `begin`: of a free window (null: in turn); `zone`, `wish`: where the customer is, and at
    which hours to call ("mon-fri 18:00-20:00")."""

    queue: Code
    number: Number
    language: Literal["en", "zh"] | None = None
    about: Line = ""
    begin: AwareDatetime | None = None
    zone: Code | None = None
    wish: Line | None = None
    owner: Code | None = None


class NewWindow(Given):
    """Another window, of those that are free."""

    begin: AwareDatetime


class SlotAnswer(BaseModel):
    """A window that still takes somebody."""

    begin: datetime
    end: datetime
    free: int


@router.get("/callbacks", responses=answers())
async def list_callbacks(
    asking: Annotated[Asking, asked("callback.edit", bound=True)],
    which: Annotated[Which, Query(alias="list", description="Which of them.")] = "open",
    queue: Annotated[Code | None, Query(description="Only of this queue.")] = None,
    limit: Limit = PAGE,
) -> list[CallbackAnswer]:
    """Promises in the order of their places; closed ones after them, the last first."""
    must_be_ours(asking, queue)
    queues = None if asking.queues is None else list(asking.queues)
    async with asking.database.reading() as session:
        found = await callbacks.listed(session, which, queue=queue, queues=queues, limit=limit)
        return [await _answer(session, asking, each) for each in found]


@router.get("/callbacks/slots", responses=answers())
async def list_slots(
    asking: Annotated[Asking, asked("callback.edit", bound=True)],
    queue: Annotated[Code, Query(description="Whose agents would call.")],
    number: Annotated[Number, Query(description="The number to call.")],
    limit: Limit = PAGE,
) -> list[SlotAnswer]:
    """Windows up to 30 days ahead in which this number may be rung and the queue takes one more."""
    must_be_ours(asking, queue)
    settings = asking.settings
    e164 = callback_policy.number_of(number, settings.country, settings.callback_served)
    if isinstance(e164, NotRung):
        raise Refused(422, f"number: {e164.sentence}")
    async with asking.database.reading() as session:
        callee = await book_callback.callee_of(session, e164, None, None)
        found = await book_callback.free_slots(session, settings, queue, callee)
    return [SlotAnswer(begin=slot.begin, end=slot.end, free=slot.free) for slot in found[:limit]]


@router.post(
    "/callbacks",
    status_code=201,
    response_model=CallbackAnswer,
    responses=answers(409, _200={"description": "Promised before: the promise that stands"}),
)
async def create_callback(
    request: Request, new: NewCallback, asking: Annotated[Asking, asked("callback.edit", bound=True)], key: Key = None
) -> Response:
    """Promise to call back; a number that is promised already in this queue is promised once."""

    must_be_ours(asking, new.queue)

    async def work(session: AsyncSession) -> Reply:
        wanted = Wanted(
            new.queue,
            new.number,
            "api",
            asking.by,
            new.language,
            about=new.about,
            begin=new.begin,
            zone=new.zone,
            wish=new.wish,
            owner=new.owner,
        )
        try:
            booked = await book_callback.book(session, asking.settings, wanted)
        except CannotPromise as refused:
            raise Refused(409, str(refused)) from None
        headers = {"Location": f"/api/v1/callbacks/{booked.promise.id}"}
        return Reply(await _answer(session, asking, booked.promise), 200 if booked.already else 201, headers)

    return await replies.once(request, asking, key, work)


@router.get("/callbacks/{callback_id}", responses=answers(404))
async def get_callback(
    callback_id: Id, asking: Annotated[Asking, asked("callback.edit", bound=True)]
) -> CallbackAnswer:
    """One promise."""
    async with asking.database.reading() as session:
        return await _answer(session, asking, await _known(session, asking, callback_id))


@router.post("/callbacks/{callback_id}/cancel", response_model=CallbackAnswer, responses=answers(404, 409))
async def cancel_callback(
    request: Request, callback_id: Id, asking: Annotated[Asking, asked("callback.edit", bound=True)], key: Key = None
) -> Response:
    """The customer wants it no more."""

    async def work(session: AsyncSession) -> Reply:
        await _known(session, asking, callback_id)
        try:
            cancelled = await steer_callback.cancel(session, callback_id, by=asking.by)
        except Refusal as refused:
            raise Refused(409, str(refused)) from None
        return Reply(await _answer(session, asking, cancelled))

    return await replies.once(request, asking, key, work)


@router.post("/callbacks/{callback_id}/reschedule", response_model=CallbackAnswer, responses=answers(404, 409))
async def reschedule_callback(
    request: Request,
    callback_id: Id,
    new: NewWindow,
    asking: Annotated[Asking, asked("callback.edit", bound=True)],
    key: Key = None,
) -> Response:
    """Move it to another window that is free."""

    async def work(session: AsyncSession) -> Reply:
        await _known(session, asking, callback_id)
        try:
            moved = await steer_callback.reschedule(session, asking.settings, callback_id, new.begin, by=asking.by)
        except Refusal as refused:
            raise Refused(409, str(refused)) from None
        return Reply(await _answer(session, asking, moved))

    return await replies.once(request, asking, key, work)


async def _known(session: AsyncSession, asking: Asking, callback_id: UUID) -> Promise:
    found = await callbacks.find(session, callback_id)
    if found is None or (asking.queues is not None and found.queue not in asking.queues):
        raise Refused(404, "there is no callback of this id")
    return found


async def _answer(session: AsyncSession, asking: Asking, promise: Promise) -> CallbackAnswer:
    """Whose number it is, a program is not told that is not shown them."""
    known = structs.asdict(promise)
    if asking.queues is not None and promise.customer_code is not None:
        customer = await customers.find(session, promise.customer_code)
        if not await sees(session, asking, customer.id if customer else None):
            known["customer_code"] = None
    return CallbackAnswer(**{name: known[name] for name in CallbackAnswer.model_fields})
