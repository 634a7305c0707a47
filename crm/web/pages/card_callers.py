"""Who is calling, from the card: a new customer by one key, one of those who share the number, one found by typing.

The desk is shown after each act, as after all others. Called by the card's part `who_is_it`.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import customer_search
from crm.deeds.link_caller import create_from_call, link
from crm.rules.customer_fields import LONGEST
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.rights import allowed_at_seat
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .desk import carry_out
from .show import show

router = APIRouter(prefix="/desk/callers/{conversation_id}")

AtDesk = Annotated[Me, allowed_at_seat("customer.edit")]
FOUND_SHOWN = 6


@router.post("/create")
async def create(
    request: Request,
    conversation_id: UUID,
    me: AtDesk,
    name: Annotated[str, Form(max_length=2 * LONGEST["name"])] = "",
) -> Response:
    """Make a customer of the caller."""

    async def make(session: AsyncSession, settings: Settings) -> None:
        await create_from_call(
            session,
            agent=await session.get_one(Agent, me.agent_id),
            node=str(me.node),
            seat=str(me.seat),
            conversation_id=conversation_id,
            name=name,
            country=settings.country,
        )

    return await carry_out(request, me, make)


@router.post("/link")
async def say_who(request: Request, conversation_id: UUID, me: AtDesk, customer: Annotated[UUID, Form()]) -> Response:
    """The caller is this one."""

    async def pick(session: AsyncSession, settings: Settings) -> None:
        await link(
            session,
            agent=await session.get_one(Agent, me.agent_id),
            node=str(me.node),
            seat=str(me.seat),
            conversation_id=conversation_id,
            customer_id=customer,
            country=settings.country,
        )

    return await carry_out(request, me, pick)


@router.get("/found")
async def found(
    request: Request,
    conversation_id: UUID,
    me: AtDesk,
    session: Reading,
    typed: Annotated[str, Query(alias="q", max_length=200)] = "",
) -> Response:
    """Customers for what is typed into the card, each with its button."""
    settings: Settings = request.app.state.settings
    country = settings.country
    customers = (
        await customer_search.search(session, typed, country=country, limit=FOUND_SHOWN) if typed.strip() else []
    )
    return show(
        request,
        "desk/card/found.html",
        me,
        customers=customers,
        typed=typed.strip(),
        conversation_id=conversation_id,
    )
