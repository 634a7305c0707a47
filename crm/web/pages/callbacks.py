"""Promises to call back, as supervisors and agents steer them: which are open, at risk, over; cancelled, moved, dialled
now, and why one is not dialled yet. Beside them the callers whom we owe a call, each promised one by one key.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import callbacks
from crm.callbacks import Promise
from crm.database import Database
from crm.deeds import steer_callback
from crm.deeds.book_callback import Wanted, book, callee_of, free_slots
from crm.refusals import Refusal
from crm.reports.callers_owed import Owed, callers_owed
from crm.settings import Settings
from crm.web.carried_out import Deed, carry_out
from crm.web.errors import NotThere
from crm.web.promise_form import SLOTS_SHOWN
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/callbacks")

Steering = Annotated[Me, allowed("callback.edit")]
Seeing = Annotated[Me, allowed("conversation.read_all")]
Which = Annotated[str, Query(alias="list", max_length=10)]
ListForm = Annotated[str, Form(alias="list", max_length=10)]
Days = Annotated[int, Query(ge=1, le=365)]
OWED = "owed"
LISTS = ("open", "at_risk", "done")
SHOWN = 200
DAYS = (1, 7, 30, 90, 365)


@router.get("")
async def page(request: Request, me: Steering, session: Reading, which: Which = "open", days: Days = 1) -> Response:
    """The list."""
    return await _show(request, me, session, which, days, "callbacks.html")


@router.get("/picture")
async def picture(request: Request, me: Steering, session: Reading, which: Which = "open", days: Days = 1) -> Response:
    """The part that changes. Fetched at every hint."""
    return await _show(request, me, session, which, days, "callbacks/picture.html")


@router.get("/{callback_id}/more")
async def more(request: Request, callback_id: UUID, me: Steering, session: Reading) -> Response:
    """Why it is not dialled now, each try so far, and the windows to which it can be moved."""
    settings: Settings = request.app.state.settings
    promise = await _theirs(session, me, callback_id)
    why = await steer_callback.why_not_dialled(session, settings, callback_id)
    callee = await callee_of(session, promise.number_e164, promise.zone, promise.wish)
    context: dict[str, Any] = {
        "promise": promise,
        "why": why,
        "tries": await callbacks.attempts_of(session, callback_id),
        "slots": (await free_slots(session, settings, promise.queue, callee))[:SLOTS_SHOWN],
        "now": datetime.now(settings.zone),
    }
    return show(request, "callbacks/more.html", me, **context)


@router.post("/owed/{conversation_id}")
async def promise_owed(request: Request, conversation_id: UUID, me: Seeing, days: Days = 1) -> Response:
    """Promise a call to somebody who gave up waiting."""
    settings: Settings = request.app.state.settings

    async def deed(session: AsyncSession) -> None:
        owed = await _owed(session, settings, me, max(days, 30))
        each = next((each for each in owed if each.conversation_id == conversation_id), None)
        if each is None:
            raise Refusal("this caller is owed nothing any more")
        await book(
            session,
            settings,
            Wanted(each.queue or "", each.caller, "abandoned", me.login, each.language, linkedid=each.linkedid),
        )

    return await _do(request, me, OWED, days, deed)


@router.post("/{callback_id}/cancel")
async def cancel(request: Request, callback_id: UUID, me: Steering, which: ListForm = "open") -> Response:
    """The customer wants it no more."""

    async def deed(session: AsyncSession) -> None:
        await _theirs(session, me, callback_id)
        await steer_callback.cancel(session, callback_id, by=me.login)

    return await _do(request, me, which, 1, deed)


@router.post("/{callback_id}/dial-now")
async def dial_now(request: Request, callback_id: UUID, me: Steering, which: ListForm = "open") -> Response:
    """Due at once, where the number may be rung now."""

    async def deed(session: AsyncSession) -> None:
        await _theirs(session, me, callback_id)
        await steer_callback.dial_now(session, request.app.state.settings, callback_id, by=me.login)

    return await _do(request, me, which, 1, deed)


@router.post("/{callback_id}/move")
async def move(
    request: Request,
    callback_id: UUID,
    me: Steering,
    begin: Annotated[datetime, Form()],
    which: ListForm = "open",
) -> Response:
    """To another window, of those that are free."""

    async def deed(session: AsyncSession) -> None:
        await _theirs(session, me, callback_id)
        at = begin if begin.tzinfo else begin.replace(tzinfo=request.app.state.settings.zone)
        await steer_callback.reschedule(session, request.app.state.settings, callback_id, at, by=me.login)

    return await _do(request, me, which, 1, deed)


async def _theirs(session: AsyncSession, me: Me, callback_id: UUID) -> Promise:
    """A promise in one of the queues that this person may see."""
    promise = await callbacks.find(session, callback_id)
    if promise is None or (me.queues is not None and promise.queue not in me.queues):
        raise NotThere("there is no such callback: see `kefu callback list`")
    return promise


async def _owed(session: AsyncSession, settings: Settings, me: Me, days: int) -> list[Owed]:
    since = datetime.now(UTC) - timedelta(days=days)
    found = await callers_owed(session, since=since, country=settings.country)
    return [each for each in found if each.queue and (me.queues is None or each.queue in me.queues)]


async def _do(request: Request, me: Me, which: str, days: int, deed: Deed) -> Response:
    database: Database = request.app.state.database
    notice = await carry_out(database, deed)
    scripted = "hx-request" in request.headers
    if notice is None and not scripted:
        return RedirectResponse(f"/callbacks?list={which}&days={days}", status_code=303)
    template = "callbacks/picture.html" if scripted else "callbacks.html"
    async with database.reading() as session:
        return await _show(request, me, session, which, days, template, notice)


async def _show(
    request: Request, me: Me, session: AsyncSession, which: str, days: int, template: str, notice: str | None = None
) -> Response:
    settings: Settings = request.app.state.settings
    sees_calls = me.may("conversation.read_all")
    lists = (*LISTS, OWED) if sees_calls else LISTS
    which = which if which in lists else "open"
    soon_s = settings.callback_risk_minutes * 60
    context: dict[str, Any] = {
        "which": which,
        "lists": lists,
        "days": days,
        "spans": DAYS,
        "screen": "owed" if which == OWED else "live",  # whom we owe a call is not asked for at every hint
        "notice": notice,
        "now": datetime.now(settings.zone),
        "asked": f"?list={which}&days={days}",
        "owed": (await _owed(session, settings, me, days))[:SHOWN] if which == OWED else (),
        "promises": ()
        if which == OWED
        else await callbacks.listed(session, which, queues=me.queues, limit=SHOWN, soon_s=soon_s),
    }
    return show(request, template, me, **context)
