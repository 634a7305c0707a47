"""What an agent asks for their own call from the desk: each a wish, whose state the desk shows until it is settled."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm.deeds.dial_number import dial_number
from crm.deeds.hang_up_call import hang_up_call
from crm.deeds.mute_call import mute_call
from crm.deeds.note_for_next import note_for_next
from crm.deeds.own_call import AtSeat
from crm.deeds.raise_hand import lower_own_hand, raise_own_hand
from crm.deeds.send_call import consult, end_consult, park_call, transfer_call
from crm.deeds.send_keys import send_keys
from crm.handovers import ABOUT_CHARACTERS, NOTE_CHARACTERS
from crm.refusals import Refusal
from crm.settings import Settings
from crm.web.rights import allowed_at_seat
from crm.web.sign_in import Me

from .desk import carry_out

router = APIRouter(prefix="/desk/call")

InCall = Annotated[Me, allowed_at_seat("call.control")]
Call = Annotated[UUID, Form()]
Text = Annotated[str, Form(max_length=2 * NOTE_CHARACTERS)]
Word = Annotated[str, Form(max_length=20)]


def at_seat(me: Me, settings: Settings) -> AtSeat:
    """The agent at this browser, as deeds know them."""
    return AtSeat(me.agent_id, me.login, str(me.node), str(me.seat), me.may, settings.wish_expiry_seconds)


@router.post("/hang-up")
async def hang_up(request: Request, me: InCall, conversation: Call) -> Response:
    """Hang up; the agent ended the call."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        await hang_up_call(session, at_seat(me, settings), conversation)

    return await carry_out(request, me, wish)


@router.post("/keys")
async def keys(request: Request, me: InCall, conversation: Call, keys: Annotated[str, Form(max_length=80)]) -> Response:
    """Press keys for the other end."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        await send_keys(session, at_seat(me, settings), keys, conversation)

    return await carry_out(request, me, wish)


@router.post("/mute")
async def mute(request: Request, me: InCall, conversation: Call, muted: Word) -> Response:
    """Not be heard, or be heard again (`muted`: on, off)."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        await mute_call(session, at_seat(me, settings), muted=muted == "on", conversation_id=conversation)

    return await carry_out(request, me, wish)


@router.post("/send")
async def send(
    request: Request,
    me: InCall,
    conversation: Call,
    how: Word,
    to: Annotated[str, Form(max_length=80)] = "",
    other: Annotated[str, Form(max_length=80)] = "",
    note: Text = "",
) -> Response:
    """Send the caller on (`how`: transfer), ask somebody first (consult), leave them with music (park), or only keep
    the note (note). `other`: a number or a directory entry, before what was chosen from the list."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        at, where = at_seat(me, settings), other.strip() or to
        words = {"country": settings.country, "note": note}
        if how == "transfer":
            await transfer_call(session, at, where, **words, conversation_id=conversation)
        elif how == "consult":
            await consult(session, at, where, **words, conversation_id=conversation)
        elif how == "park":
            await note_for_next(session, at, note, conversation)
            await park_call(session, at, conversation)
        elif how == "note":
            await note_for_next(session, at, note, conversation)
        else:
            raise Refusal("this page is too old: reload it and try again")

    return await carry_out(request, me, wish)


@router.post("/consult-end")
async def consult_end(request: Request, me: InCall, conversation: Call, how: Word) -> Response:
    """Leave the two together, go back, all three, or to and fro."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        await end_consult(session, at_seat(me, settings), how, conversation)

    return await carry_out(request, me, wish)


@router.post("/dial")
async def dial(request: Request, me: InCall, number: Annotated[str, Form(max_length=80)]) -> Response:
    """Dial from wherever a number stands; the desk shows what becomes of it."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        await dial_number(session, at_seat(me, settings), number, country=settings.country)

    return await carry_out(request, me, wish)


@router.post("/hand")
async def hand(
    request: Request, me: InCall, up: Word, about: Annotated[str, Form(max_length=2 * ABOUT_CHARACTERS)] = ""
) -> Response:
    """Ask for a supervisor (`up`: yes), or no longer."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        at = at_seat(me, settings)
        await (raise_own_hand(session, at, about) if up == "yes" else lower_own_hand(session, at))

    return await carry_out(request, me, wish)
