"""`kefu agent role|bind|shut-out|let-in`: what an agent may do, whose calls they see, whether they come in at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, say

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from crm.database import Database
    from crm.settings import Settings

# As crm.tables.agents has them, whose import is slow.
ROLES = ("agent", "supervisor", "quality", "department", "admin")
BY = "command line"


@click.command()
@click.argument("login")
@click.argument("role", type=click.Choice(ROLES))
@database_option
@json_option
def role(login: str, role: str, database_url: str | None, as_json: bool) -> None:
    """Give an agent a role; it counts from their next click on. One administrator stays."""
    from crm import agent_rights

    _do(lambda session: agent_rights.set_role(session, login, role, by=BY), database_url)
    _told({"login": login, "role": role}, f"{login} is {role} now", as_json)


@click.command()
@click.argument("login", required=False)
@option("--role", "of_role", type=click.Choice(ROLES), help="All people of a role, instead of one agent.")
@option("--queue", "queues", multiple=True, metavar="QUEUE", help="Whose calls they may see; may be repeated.")
@option("--all", "everything", is_flag=True, help="Of all queues again.")
@database_option
@json_option
def bind(
    login: str | None,
    of_role: str | None,
    queues: tuple[str, ...],
    everything: bool,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Let an agent, or a role, see the calls of some queues alone."""
    from crm import agent_rights

    if (login is None) == (of_role is None):
        raise click.UsageError("name an agent, or a role by --role")
    if bool(queues) == everything:
        raise click.UsageError("name queues by --queue, or say --all")
    if login is not None:
        whom = login
        _do(lambda session: agent_rights.bind(session, whom, queues, by=BY), database_url)
    elif of_role is not None:
        whom = of_role
        _do(lambda session: agent_rights.bind_role(session, whom, queues, by=BY), database_url)
    who = login or f"role {of_role}"
    _told({"login": login, "role": of_role, "queues": list(queues)}, f"{who}: {', '.join(queues) or 'all'}", as_json)


@click.command("shut-out")
@click.argument("login")
@database_option
@json_option
def shut_out(login: str, database_url: str | None, as_json: bool) -> None:
    """Sign an agent out of every browser and let them in no more."""
    from crm import agent_rights

    _do(lambda session: agent_rights.set_active(session, login, False, by=BY), database_url)
    _told({"login": login, "active": False}, f"{login} is shut out", as_json)


@click.command("let-in")
@click.argument("login")
@database_option
@json_option
def let_in(login: str, database_url: str | None, as_json: bool) -> None:
    """Let an agent in again who was shut out."""
    from crm import agent_rights

    _do(lambda session: agent_rights.set_active(session, login, True, by=BY), database_url)
    _told({"login": login, "active": True}, f"{login} may sign in", as_json)


@click.command("codes-off")
@click.argument("login")
@database_option
@json_option
def codes_off(login: str, database_url: str | None, as_json: bool) -> None:
    """Ask an agent for no one-time code any more, who has lost phone and paper: make sure that it is them."""
    from crm import agents, second_factor
    from crm.refusals import Refusal

    async def deed(session: AsyncSession) -> None:
        known = await agents.find(session, login)
        if known is None:
            raise Refusal(f"there is no agent {login!r}: see `kefu agent list`")
        if not await second_factor.turn_off(session, known, by=BY):
            raise Refusal(f"{login} is asked for no code: nothing to turn off")

    _do(deed, database_url)
    _told({"login": login, "codes": False}, f"{login} signs in with the password alone", as_json)


def _do(deed: Callable[[AsyncSession], Awaitable[None]], database_url: str | None) -> None:
    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await deed(session)

    with_database(work, database_url=database_url)


def _told(answer: dict[str, object], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        say(sentence)
