"""What an agent asks about their own state on the desk, beside pause and ready: a pause taken back, more time after a
call."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm.deeds.after_call import STEP_S, extend_after_call_work
from crm.deeds.ask_for_pause import withdraw_pause
from crm.settings import Settings

from .desk import AtDesk, carry_out

router = APIRouter(prefix="/desk")


@router.post("/pause/withdraw")
async def withdraw(request: Request, me: AtDesk) -> Response:
    """No pause after this call after all."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        await withdraw_pause(
            session, node=str(me.node), seat=str(me.seat), asked_by=me.login, expiry_s=settings.wish_expiry_seconds
        )

    return await carry_out(request, me, wish)


@router.post("/after-call/extend")
async def extend(request: Request, me: AtDesk, reason: Annotated[str, Form(max_length=40)]) -> Response:
    """Two more minutes for the work after this call."""

    async def ask(session: AsyncSession, settings: Settings) -> None:
        await extend_after_call_work(
            session, agent_id=me.agent_id, node=str(me.node), seat=str(me.seat), extra_s=STEP_S, reason=reason
        )

    return await carry_out(request, me, ask)
