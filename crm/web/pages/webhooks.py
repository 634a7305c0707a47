"""Subscribers of webhooks: who is told what, how far each is, a delivery to try out, and what was given up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import webhooks
from crm.database import Database
from crm.deeds import keep_webhooks
from crm.deeds.deliver_webhooks import try_out
from crm.refusals import CrmUnavailable, Refusal
from crm.rules.event_catalogue import CATALOGUE
from crm.tables.queues import Queue
from crm.web.carried_out import Deed, carry_out
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/webhooks")

Keeper = Annotated[Me, allowed("webhook.edit")]
Name = Annotated[str, Form(max_length=100)]
Chosen = Annotated[list[str] | None, Form(max_length=1000)]
KINDS = [name for name in CATALOGUE if name != "webhook.test"]
DEAD_SHOWN = 200


@router.get("")
async def page(request: Request, me: Keeper, session: Reading) -> Response:
    """All subscribers, and a form for a new one."""
    return await _show(request, session, me)


@router.post("")
async def create(
    request: Request,
    me: Keeper,
    name: Name = "",
    url: Annotated[str, Form(max_length=2000)] = "",
    kinds: Chosen = None,
    queues: Chosen = None,
) -> Response:
    """A new subscriber; the secret that signs is shown this once."""
    database: Database = request.app.state.database
    made: list[str] = []

    async def deed(session: AsyncSession) -> None:
        said = {"name": name.strip(), "url": url.strip(), "kinds": kinds or (), "queues": queues or ()}
        made.append(await keep_webhooks.add(session, request.app.state.settings, by=me.login, **said))  # type: ignore[arg-type]

    refused = await carry_out(database, deed)
    typed = {"name": name, "url": url, "kinds": kinds or [], "queues": queues or []}
    async with database.reading() as session:
        if refused:
            return await _show(request, session, me, notice=refused, typed=typed)
        return await _show(request, session, me, made={"name": name.strip(), "secret": made[0]})


@router.post("/test")
async def test(request: Request, me: Keeper, name: Name) -> Response:
    """Send `webhook.test` now, and tell what was answered."""
    database: Database = request.app.state.database
    more: dict[str, Any]
    try:
        async with database.reading() as session:
            found = await webhooks.find(session, name)
        more = {"answered": {"name": name, "status": (await try_out(_of(request), found.url, found.secret)).status}}
    except CrmUnavailable:
        raise
    except Refusal as refused:
        more = {"notice": str(refused)}
    async with database.reading() as session:
        return await _show(request, session, me, **more)


@router.post("/switch")
async def switch(request: Request, me: Keeper, name: Name, active: Annotated[bool, Form()] = False) -> Response:
    """Stop telling a subscriber, or tell it again at once."""

    async def deed(session: AsyncSession) -> None:
        await keep_webhooks.switch(session, name, active=active, by=me.login)

    return await _do(request, me, deed)


@router.post("/remove")
async def remove(request: Request, me: Keeper, name: Name) -> Response:
    """Forget a subscriber, with all that it was still to be told."""

    async def deed(session: AsyncSession) -> None:
        await keep_webhooks.remove(session, name, by=me.login)

    return await _do(request, me, deed)


@router.get("/dead")
async def dead(
    request: Request, me: Keeper, session: Reading, name: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """What was given up for a subscriber, and why."""
    return await _dead(request, session, me, name)


@router.post("/replay")
async def replay(
    request: Request, me: Keeper, name: Name, ids: Annotated[list[UUID] | None, Form(max_length=DEAD_SHOWN)] = None
) -> Response:
    """Send again what was given up: those that are ticked, or all of it. The ids stay the same."""
    database: Database = request.app.state.database
    again: list[int] = []

    async def deed(session: AsyncSession) -> None:
        again.append(await keep_webhooks.replay(session, name, by=me.login, ids=ids or ()))

    refused = await carry_out(database, deed)
    async with database.reading() as session:
        if refused:
            return await _show(request, session, me, notice=refused)
        return await _dead(request, session, me, name, again=again[0])


def _of(request: Request) -> Any:
    return request.app.state.settings


async def _do(request: Request, me: Me, deed: Deed) -> Response:
    database: Database = request.app.state.database
    if refused := await carry_out(database, deed):
        async with database.reading() as session:
            return await _show(request, session, me, notice=refused)
    return RedirectResponse("/webhooks", status_code=303)


async def _dead(request: Request, session: AsyncSession, me: Me, name: str, again: int | None = None) -> Response:
    try:
        found = await webhooks.dead(session, name, limit=DEAD_SHOWN)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        return await _show(request, session, me, notice=str(refused))
    context: dict[str, Any] = {
        "name": name,
        "dead": found,
        "again": again,
        "shown": DEAD_SHOWN,
        "now": datetime.now(UTC),
    }
    return show(request, "webhooks_dead.html", me, **context)


async def _show(request: Request, session: AsyncSession, me: Me, **more: Any) -> Response:
    context: dict[str, Any] = {
        "subscribers": await webhooks.listed(session),
        "kinds": KINDS,
        "all_queues": list(await session.scalars(select(Queue).order_by(Queue.name))),
        "typed": {"name": "", "url": "", "kinds": [], "queues": []},
        "made": None,
        "answered": None,
        "notice": None,
        "now": datetime.now(UTC),
    }
    return show(request, "webhooks.html", me, **(context | more))
