"""`kefu work-order`: what cases ask of other departments: listed, given, answered, withdrawn, rated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from .case_deeds import agent_of, agent_option, columns_of
from .options import database_option, json_option, option, with_database
from .output import print_json, print_listed, say

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from crm.database import Database
    from crm.settings import Settings
    from crm.tables.agents import Agent
    from crm.tables.work_orders import WorkOrder

LISTS = ("open", "overdue", "answered", "all")
COLUMNS = ("number", "department", "state", "due_at", "overdue", "wanted", "asked_by", "taken_by", "answer")
_Deed = Callable[["AsyncSession", "Settings", "Agent"], Awaitable["WorkOrder"]]
rating_option = option("--rating", type=click.IntRange(1, 5), help="1 (bad) to 5 (good).")


@click.group("work-order")
def work_order() -> None:
    """What cases ask of other departments."""


@work_order.command("list")
@option("--list", "which", type=click.Choice(LISTS), default="open", show_default=True, help="Which of them.")
@option("--department", metavar="CODE", help="Of one department.")
@database_option
@json_option
def list_(which: str, department: str | None, database_url: str | None, as_json: bool) -> None:
    """Work orders, those that are due first on top."""

    async def work(database: Database, settings: Settings) -> tuple[list[Any], Any]:
        from crm import work_orders

        async with database.reading() as session:
            only = [department] if department else None
            return await work_orders.listed(session, which, departments=only), settings.zone

    found, zone = with_database(work, database_url=database_url)
    print_listed(found, COLUMNS, zone=zone, as_json=as_json)


@work_order.command()
@click.argument("case_number")
@option("--department", required=True, metavar="CODE", help="Whom it is for.")
@option("--wanted", required=True, help="What they are to do.")
@option("--due", type=click.DateTime(), help="By when, in the site's time (default: the department's usual time).")
@agent_option
@database_option
@json_option
def give(
    case_number: str,
    department: str,
    wanted: str,
    due: datetime | None,
    login: str,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Ask a department for something a case needs."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> WorkOrder:
        from crm.deeds.order_work import give_work_order

        due_at = due.replace(tzinfo=settings.zone) if due else None
        return await give_work_order(
            session, settings, case_number, agent=agent, department=department, wanted=wanted, due_at=due_at
        )

    _do(deed, login, database_url, as_json)


@work_order.command()
@click.argument("number")
@click.argument("text")
@option("--refused", is_flag=True, help="It cannot be done; the text says why.")
@rating_option
@agent_option
@database_option
@json_option
def answer(
    number: str,
    text: str,
    refused: bool,
    rating: int | None,
    login: str,
    database_url: str | None,
    as_json: bool,
) -> None:
    """The department's answer, with its rating of the request."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> WorkOrder:
        from crm.deeds.order_work import answer_order

        return await answer_order(session, number, agent=agent, answer=text, refused=refused, rating=rating)

    _do(deed, login, database_url, as_json)


@work_order.command()
@click.argument("number")
@option("--why", default="", help="Why it is needed no longer.")
@agent_option
@database_option
@json_option
def withdraw(number: str, why: str, login: str, database_url: str | None, as_json: bool) -> None:
    """The case needs it no longer."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> WorkOrder:
        from crm.deeds.order_work import withdraw_order

        return await withdraw_order(session, number, agent=agent, why=why)

    _do(deed, login, database_url, as_json)


@work_order.command()
@click.argument("number")
@option("--rating", type=click.IntRange(1, 5), required=True, help="1 (bad) to 5 (good).")
@option("--remark", default="", help="Why.")
@agent_option
@database_option
@json_option
def rate(number: str, rating: int, remark: str, login: str, database_url: str | None, as_json: bool) -> None:
    """How good the answer was, as the case's side says."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> WorkOrder:
        from crm.deeds.order_work import rate_answer

        return await rate_answer(session, number, agent=agent, rating=rating, remark=remark)

    _do(deed, login, database_url, as_json)


def _do(deed: _Deed, login: str, database_url: str | None, as_json: bool) -> None:
    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        async with database.transaction() as session:
            return columns_of(await deed(session, settings, await agent_of(session, login)))

    done = with_database(work, database_url=database_url)
    if as_json:
        print_json(done)
    else:
        say(f"work order {done['number']} ({done['department']}): {done['state']}")
