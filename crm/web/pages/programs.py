"""Other systems: the tokens with which programs ask, made and taken back. A token is shown once, where it was made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import api_tokens
from crm.database import Database
from crm.deeds import program_tokens
from crm.tables.queues import Queue
from crm.web.carried_out import carry_out
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/programs")

Keeper = Annotated[Me, allowed("token.edit")]
Name = Annotated[str, Form(max_length=100)]
Chosen = Annotated[list[str] | None, Form(max_length=1000)]
A_MINUTE = 600


@router.get("")
async def page(request: Request, me: Keeper, session: Reading) -> Response:
    """All tokens, and a form for a new one."""
    return await _show(request, session, me)


@router.post("")
async def create(
    request: Request,
    me: Keeper,
    name: Name = "",
    scopes: Chosen = None,
    queues: Chosen = None,
    days: Annotated[int, Form(ge=0, le=3650)] = 0,
    a_minute: Annotated[int, Form(ge=1, le=100_000)] = A_MINUTE,
) -> Response:
    """Make a token and show it: the only time that anybody sees it. `days` 0: it does not end by itself."""
    database: Database = request.app.state.database
    made: list[str] = []

    async def deed(session: AsyncSession) -> None:
        expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
        made.append(
            await program_tokens.add(
                session,
                name=name.strip(),
                scopes=scopes or (),
                queues=queues or (),
                by=me.login,
                a_minute=a_minute,
                expires_at=expires_at,
            )
        )

    refused = await carry_out(database, deed)
    typed = {"name": name, "scopes": scopes or [], "queues": queues or [], "days": days, "a_minute": a_minute}
    async with database.reading() as session:
        if refused:
            return await _show(request, session, me, notice=refused, typed=typed)
        return await _show(request, session, me, made={"name": name.strip(), "secret": made[0]})


@router.post("/revoke")
async def revoke(request: Request, me: Keeper, name: Name) -> Response:
    """From now on this token opens nothing."""
    database: Database = request.app.state.database

    async def deed(session: AsyncSession) -> None:
        await program_tokens.revoke(session, name, by=me.login)

    if refused := await carry_out(database, deed):
        async with database.reading() as session:
            return await _show(request, session, me, notice=refused)
    return RedirectResponse("/programs", status_code=303)


async def _show(request: Request, session: AsyncSession, me: Me, **more: Any) -> Response:
    context: dict[str, Any] = {
        "tokens": await api_tokens.listed(session),
        "scopes": list(api_tokens.SCOPES),
        "all_queues": list(await session.scalars(select(Queue).order_by(Queue.name))),
        "typed": {"name": "", "scopes": [], "queues": [], "days": 0, "a_minute": A_MINUTE},
        "made": None,
        "notice": None,
        "now": datetime.now(UTC),
    }
    return show(request, "programs.html", me, **(context | more))
