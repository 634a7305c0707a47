"""What an agent asks about their own state on the desk, beside pause and ready: a pause taken back."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

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
