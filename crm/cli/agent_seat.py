"""`kefu agent sign-in` and `sign-out`: the same path as the page of a seat."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, say

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from crm.database import Database
    from crm.settings import Settings


@click.command("sign-in")
@click.argument("login")
@click.argument("seat")
@option("--take-over", is_flag=True, help="Also when somebody sits there; they are signed out and told.")
@option("--without-phone", is_flag=True, help="Also when its phone is not registered.")
@database_option
@json_option
def sign_in(
    login: str, seat: str, take_over: bool, without_phone: bool, database_url: str | None, as_json: bool
) -> None:
    """Let an agent sit down at a seat, such as PJSIP/1001."""
    from crm.deeds.sign_in_to_seat import PhoneAway, SeatTaken, sign_in_to_seat
    from crm.refusals import Refusal

    async def work(database: Database, settings: Settings) -> None:
        async with database.transaction() as session:
            await sign_in_to_seat(
                session,
                agent_id=await _agent(session, login),
                node=settings.node,
                seat=seat,
                expiry_s=settings.wish_expiry_seconds,
                take_over=take_over,
                without_phone=without_phone,
            )

    try:
        with_database(work, database_url=database_url)
    except SeatTaken as taken:
        raise Refusal(f"{taken}; or say --take-over") from None
    except PhoneAway as away:
        raise Refusal(f"{away} (--without-phone)") from None
    if as_json:
        print_json({"login": login, "seat": seat})
    else:
        say(f"{login} sits at {seat}")


@click.command("sign-out")
@click.argument("login")
@option("--after-the-call", is_flag=True, help="In the middle of a call: sign out when it is over.")
@database_option
@json_option
def sign_out(login: str, after_the_call: bool, database_url: str | None, as_json: bool) -> None:
    """Let an agent get up; never in the middle of a call."""
    from crm.deeds.sign_out_of_seat import leave_after_the_call, sign_out_of_seat

    async def work(database: Database, settings: Settings) -> bool:
        said = {"asked_by": "command line", "expiry_s": settings.wish_expiry_seconds}
        async with database.transaction() as session:
            agent_id = await _agent(session, login)
            if not after_the_call:
                await sign_out_of_seat(session, agent_id=agent_id, **said)  # type: ignore[arg-type]
                return False
            wish = await leave_after_the_call(session, agent_id=agent_id, **said)  # type: ignore[arg-type]
            return wish is not None

    later = with_database(work, database_url=database_url)
    if as_json:
        print_json({"login": login, "after_the_call": later})
    else:
        say(f"{login}: after the call" if later else f"{login} sits nowhere")


async def _agent(session: AsyncSession, login: str) -> UUID:
    from crm import agents
    from crm.refusals import Refusal

    known = await agents.find(session, login)
    if known is None:
        raise Refusal(f"there is no agent {login!r}: see `kefu agent list`")
    return known.id
