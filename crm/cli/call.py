"""`kefu call`: the same wishes about an agent's own call as on their page, within that agent's rights."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, say

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from crm.database import Database
    from crm.deeds.own_call import AtSeat
    from crm.settings import Settings
    from crm.tables.requests import PbxRequest

    Wish = Callable[[AsyncSession, AtSeat, Settings], Awaitable[PbxRequest]]

POLL_S = 0.1
CONSULT_ENDS = ("complete", "cancel", "join", "swap")

login_argument = click.argument("login")
wait_option = option("--wait", is_flag=True, help="Until Asterisk has confirmed or refused it.")
note_option = option("--note", default="", help="What the next one should know: shown before they answer.")
TO = "A seat's number (1002), a queue's name, a number outside; or seat:…, queue:…, entry:ID, number:…"


@click.group()
def call() -> None:
    """Hang up, send keys, mute, transfer, ask a colleague, park, dial: for the agent at a seat."""


@call.command("hangup")
@login_argument
@wait_option
@database_option
@json_option
def hangup(login: str, wait: bool, database_url: str | None, as_json: bool) -> None:
    """Hang up LOGIN's call; in the ledger the agent ended it."""

    async def wish(session: AsyncSession, at: AtSeat, _: Settings) -> PbxRequest:
        from crm.deeds.hang_up_call import hang_up_call

        return await hang_up_call(session, at)

    _carry_out(login, wish, wait, database_url, as_json)


@call.command("dtmf")
@login_argument
@click.argument("keys")
@wait_option
@database_option
@json_option
def dtmf(login: str, keys: str, wait: bool, database_url: str | None, as_json: bool) -> None:
    """Press KEYS for the other end of LOGIN's call."""

    async def wish(session: AsyncSession, at: AtSeat, _: Settings) -> PbxRequest:
        from crm.deeds.send_keys import send_keys

        return await send_keys(session, at, keys)

    _carry_out(login, wish, wait, database_url, as_json)


@call.command("mute")
@login_argument
@option("--off", is_flag=True, help="Be heard again.")
@wait_option
@database_option
@json_option
def mute(login: str, off: bool, wait: bool, database_url: str | None, as_json: bool) -> None:
    """LOGIN is not heard by the other end, until --off."""

    async def wish(session: AsyncSession, at: AtSeat, _: Settings) -> PbxRequest:
        from crm.deeds.mute_call import mute_call

        return await mute_call(session, at, muted=not off)

    _carry_out(login, wish, wait, database_url, as_json)


@call.command("transfer", help=f"Send LOGIN's caller on. TO: {TO}.")
@login_argument
@click.argument("to")
@option("--ask", is_flag=True, help="Ask there first; `kefu call consult` ends that.")
@note_option
@wait_option
@database_option
@json_option
def transfer(login: str, to: str, ask: bool, note: str, wait: bool, database_url: str | None, as_json: bool) -> None:
    async def wish(session: AsyncSession, at: AtSeat, settings: Settings) -> PbxRequest:
        from crm.deeds.send_call import consult, transfer_call

        deed = consult if ask else transfer_call
        return await deed(session, at, to, country=settings.country, note=note)

    _carry_out(login, wish, wait, database_url, as_json)


@call.command("consult")
@login_argument
@click.argument("how", type=click.Choice(CONSULT_ENDS))
@wait_option
@database_option
@json_option
def consult_end(login: str, how: str, wait: bool, database_url: str | None, as_json: bool) -> None:
    """Leave the two together, go back to the caller, talk all three, or to and fro."""

    async def wish(session: AsyncSession, at: AtSeat, _: Settings) -> PbxRequest:
        from crm.deeds.send_call import end_consult

        return await end_consult(session, at, how)

    _carry_out(login, wish, wait, database_url, as_json)


@call.command("park")
@login_argument
@wait_option
@database_option
@json_option
def park(login: str, wait: bool, database_url: str | None, as_json: bool) -> None:
    """Leave LOGIN's caller with music; the space is said when Asterisk has said it (--wait)."""

    async def wish(session: AsyncSession, at: AtSeat, _: Settings) -> PbxRequest:
        from crm.deeds.send_call import park_call

        return await park_call(session, at)

    _carry_out(login, wish, wait, database_url, as_json)


@call.command("dial")
@login_argument
@click.argument("to")
@wait_option
@database_option
@json_option
def dial(login: str, to: str, wait: bool, database_url: str | None, as_json: bool) -> None:
    """Ring LOGIN's phone, then TO: a number, or parked:701 for the caller who waits there."""

    async def wish(session: AsyncSession, at: AtSeat, settings: Settings) -> PbxRequest:
        from crm.deeds.dial_number import dial_number

        return await dial_number(session, at, to, country=settings.country)

    _carry_out(login, wish, wait, database_url, as_json)


def _carry_out(login: str, wish: Wish, wait: bool, database_url: str | None, as_json: bool) -> None:
    from crm.refusals import Refusal

    async def work(database: Database, settings: Settings) -> tuple[str, str, str | None]:
        async with database.transaction() as session:
            asked = await wish(session, await _at_seat(session, login, settings), settings)
            wish_id, kind = asked.id, asked.kind
        from crm import wishes

        settled = None
        while wait and settled is None:
            await asyncio.sleep(POLL_S)
            async with database.reading() as session:
                settled = await wishes.settled(session, wish_id)
        return (kind, *(settled or ("wanted", None)))

    kind, state, why = with_database(work, database_url=database_url)
    if as_json:
        print_json({"login": login, "kind": kind, "state": state, "why": why})
    else:
        say(f"{login}: {kind} {state}{f' ({why})' if why else ''}")
    if state in ("refused", "expired"):
        raise Refusal(f"{kind} of {login} was {state}: {why or 'Asterisk gave no reason'}")


async def _at_seat(session: AsyncSession, login: str, settings: Settings) -> AtSeat:
    from crm import agents
    from crm.deeds.own_call import AtSeat
    from crm.refusals import Refusal
    from crm.rules import rights

    known = await agents.find(session, login)
    if known is None:
        raise Refusal(f"there is no agent {login!r}: see `kefu agent list`")
    sitting = await agents.session_of(session, known.id)
    if sitting is None:
        raise Refusal(f"{login} sits at no seat: only the call at one's own seat can be acted upon")
    role = known.role
    return AtSeat(
        known.id,
        "command line",
        sitting.node,
        sitting.seat,
        lambda permission: rights.may(role, permission),
        settings.wish_expiry_seconds,
    )
