"""What `kefu case` does to a case: open, assign, escalate, note, close, reopen. Each says who does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, say

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from crm.database import Database
    from crm.settings import Settings
    from crm.tables.agents import Agent
    from crm.tables.cases import Case

agent_option = option("--agent", "login", required=True, metavar="LOGIN", envvar="KEFU_AGENT", help="Who does it.")
version_option = option("--version", type=int, help="Refuse if the case is no longer at this version.")
_Deed = Callable[["AsyncSession", "Settings", "Agent"], Awaitable["Case"]]


@click.command("open")
@option("--category", default="other", show_default=True, help="order, after_sales, complaint, enquiry, other …")
@option("--subject", required=True, help="What it is about, in a few words.")
@option("--description", default="", help="The matter at length.")
@option("--customer", "code", default="", metavar="CODE", help="Whose it is: the customer's printed number.")
@option("--key", metavar="KEY", help="Opened again with the same key it is the same case.")
@agent_option
@database_option
@json_option
def open_(
    category: str,
    subject: str,
    description: str,
    code: str,
    key: str | None,
    login: str,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Open a case; who opens it owns it."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        from crm.deeds.open_case import open_case
        from crm.deeds.work_case import customer_of

        customer_id = await customer_of(session, code)
        return await open_case(
            session,
            settings,
            owner=agent,
            by=agent.login,
            category=category,
            subject=subject,
            description=description,
            customer_id=customer_id,
            opening_key=f"cli {key}" if key else None,
        )

    _do(deed, login, database_url, as_json)


@click.command()
@click.argument("number")
@option("--to", metavar="LOGIN", help="Who works at it from now on (default: --agent).")
@option("--owner", metavar="LOGIN", help="Give it another owner: supervisors, with --note.")
@option("--note", default="", help="What they should know.")
@version_option
@agent_option
@database_option
@json_option
def assign(
    number: str,
    to: str | None,
    owner: str | None,
    note: str,
    version: int | None,
    login: str,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Hand a case on; its owner stays responsible."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        from crm.deeds import work_case

        if owner is not None:
            new = await agent_of(session, owner)
            return await work_case.give_owner(session, number, agent=agent, to=new, why=note, version=version)
        other = await agent_of(session, to) if to else agent
        return await work_case.assign(session, settings, number, agent=agent, to=other, note=note, version=version)

    _do(deed, login, database_url, as_json)


@click.command()
@click.argument("number")
@option("--why", required=True, help="What the first line could not do.")
@option("--to-tier", type=click.Choice(("second_line", "complaints")), help="Default: the next tier.")
@option("--to", metavar="LOGIN", help="Who takes it (default: whoever of the tier takes it first).")
@version_option
@agent_option
@database_option
@json_option
def escalate(
    number: str,
    why: str,
    to_tier: str | None,
    to: str | None,
    version: int | None,
    login: str,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Lift a case to a higher tier; its owner stays."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        from crm.deeds.escalate_case import escalate as lift

        handler = await agent_of(session, to) if to else None
        return await lift(session, settings, number, agent=agent, why=why, to=to_tier, handler=handler, version=version)

    _do(deed, login, database_url, as_json)


@click.command()
@click.argument("number")
@click.argument("text")
@version_option
@agent_option
@database_option
@json_option
def note(number: str, text: str, version: int | None, login: str, database_url: str | None, as_json: bool) -> None:
    """Write something down at a case."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        from crm.deeds.work_case import add_note

        return await add_note(session, number, agent=agent, note=text, version=version)

    _do(deed, login, database_url, as_json)


@click.command()
@click.argument("number")
@option("--solution", default="", help="What was done (default: as written down already).")
@option("--customer-knows", is_flag=True, help="The customer was told otherwise, and agrees.")
@option("--affirmed", is_flag=True, help="What the category demands before closing is so.")
@version_option
@agent_option
@database_option
@json_option
def close(
    number: str,
    solution: str,
    customer_knows: bool,
    affirmed: bool,
    version: int | None,
    login: str,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Close a case: with a solution, when nobody owes it anything and its customer knows."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        from crm.deeds.close_case import close as end

        return await end(
            session,
            settings,
            number,
            agent=agent,
            solution=solution,
            customer_knows=customer_knows,
            affirmed=affirmed,
            version=version,
        )

    _do(deed, login, database_url, as_json)


@click.command()
@click.argument("number")
@option("--why", required=True, help="Why it comes back.")
@version_option
@agent_option
@database_option
@json_option
def reopen(number: str, why: str, version: int | None, login: str, database_url: str | None, as_json: bool) -> None:
    """Open a case again; it is counted."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        from crm.deeds.close_case import reopen as again

        return await again(session, settings, number, agent=agent, why=why, version=version)

    _do(deed, login, database_url, as_json)


DEEDS = (open_, assign, escalate, note, close, reopen)


async def agent_of(session: AsyncSession, login: str) -> Agent:
    """Whoever signs in with this."""
    from crm import agents
    from crm.refusals import Refusal

    found = await agents.find(session, login)
    if found is None or not found.active:
        raise Refusal(f"there is no agent {login!r}: see `kefu agent list`")
    return found


def columns_of(row: Any) -> dict[str, Any]:
    """A row as a mapping."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def _do(deed: _Deed, login: str, database_url: str | None, as_json: bool) -> None:
    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        from msgspec import structs

        from crm import cases

        async with database.transaction() as session:
            changed = await deed(session, settings, await agent_of(session, login))
            found = await cases.find(session, changed.number)
        assert found is not None
        return structs.asdict(found)

    done = with_database(work, database_url=database_url)
    if as_json:
        print_json(done)
    else:
        handler = f", worked at by {done['handler']}" if done["handler"] != done["owner"] and done["handler"] else ""
        say(f"case {done['number']}: {done['state']}, {done['tier']}, owned by {done['owner']}{handler}")
