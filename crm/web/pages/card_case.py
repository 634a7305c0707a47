"""A case opened from the caller's card by one key; the desk is shown after it, as after all other acts."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm.cases.writing import SUBJECT_CHARACTERS
from crm.deeds.settle_call import open_from_call
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.rights import allowed_at_seat
from crm.web.sign_in import Me

from .desk import carry_out

router = APIRouter(prefix="/desk")


@router.post("/case")
async def open_case(
    request: Request,
    me: Annotated[Me, allowed_at_seat("case.edit")],
    conversation: Annotated[UUID, Form()],
    category: Annotated[str, Form(max_length=40)],
    subject: Annotated[str, Form(max_length=2 * SUBJECT_CHARACTERS)] = "",
    customer: Annotated[UUID | Literal[""], Form()] = "",
    seen: Annotated[int, Form(ge=0, le=1000)] = 0,
) -> Response:
    """`seen`: how many cases of this call the card showed: pressed twice, the second one asks for the same case."""

    async def deed(session: AsyncSession, settings: Settings) -> None:
        await open_from_call(
            session,
            settings,
            agent=await session.get_one(Agent, me.agent_id),
            conversation_id=conversation,
            category=category,
            subject=subject,
            customer_id=customer or None,
            key=str(seen),
        )

    return await carry_out(request, me, deed)
