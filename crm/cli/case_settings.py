"""`kefu case category|team|template`: what cases are about, who works at which tier, what customers are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings

TIERS = ("first_line", "second_line", "complaints")
_TIER = click.Choice(TIERS)


@click.group()
def category() -> None:
    """Kinds of cases, and how soon each is to be solved."""


@category.command("list")
@database_option
@json_option
def list_categories(database_url: str | None, as_json: bool) -> None:
    """All kinds, also those no longer used. Times are open minutes."""

    async def work(database: Database, settings: Settings) -> list[dict[str, Any]]:
        from crm.cases import categories

        async with database.reading() as session:
            return [_columns(row) for row in await categories.of_all(session, active=False)]

    _print(with_database(work, database_url=database_url), as_json)


@category.command("set")
@click.argument("code")
@option("--en", "title_en", help="Its name in English.")
@option("--zh", "title_zh", help="Its name in Chinese.")
@option("--starts-at", type=_TIER, help="The tier it begins in.")
@option("--respond-minutes", type=int, help="Open minutes within which somebody takes it.")
@option("--solve-minutes", type=int, help="Open minutes within which it is solved.")
@option("--escalate-on-breach/--stay-on-breach", default=None, help="Whether a broken time lifts it a tier.")
@option("--escalate-reopened", type=int, help="Lifted from the so-manieth reopening on; 0: never.")
@option("--check-en", help="What must be affirmed before closing, in English.")
@option("--check-zh", help="The same in Chinese.")
@option("--place", type=int, help="Its place in lists.")
@option("--active/--retired", "active", default=None, help="Whether new cases may have it.")
@database_option
def set_category(code: str, database_url: str | None, **said: Any) -> None:
    """Make a kind of case, or change one."""

    async def work(database: Database, settings: Settings) -> None:
        from crm.cases import categories

        async with database.transaction() as session:
            await categories.define(session, code, **said)

    with_database(work, database_url=database_url)
    say(f"category {code} is set")


@click.group()
def team() -> None:
    """Who works at cases of which tier."""


@team.command("list")
@database_option
@json_option
def list_team(database_url: str | None, as_json: bool) -> None:
    """Tiers and their people."""

    async def work(database: Database, settings: Settings) -> list[dict[str, Any]]:
        from crm.cases import categories

        async with database.reading() as session:
            found = await categories.team(session)
        return [{"tier": tier, "login": agent.login, "name": agent.name} for tier, agent in found]

    _print(with_database(work, database_url=database_url), as_json)


@team.command("add")
@click.argument("tier", type=_TIER)
@click.argument("login")
@database_option
def add(tier: str, login: str, database_url: str | None) -> None:
    """Let somebody work at a tier."""
    _team(tier, login, database_url, join=True)


@team.command("remove")
@click.argument("tier", type=_TIER)
@click.argument("login")
@database_option
def remove(tier: str, login: str, database_url: str | None) -> None:
    """No longer."""
    _team(tier, login, database_url, join=False)


@click.group()
def template() -> None:
    """Texts by which customers are told of their cases."""


@template.command("list")
@database_option
@json_option
def list_templates(database_url: str | None, as_json: bool) -> None:
    """All texts in all languages."""

    async def work(database: Database, settings: Settings) -> list[dict[str, Any]]:
        from crm.cases import tellings

        async with database.reading() as session:
            return [_columns(row) for row in await tellings.templates(session)]

    _print(with_database(work, database_url=database_url), as_json)


@template.command("set")
@click.argument("code")
@option("--language", type=click.Choice(("en", "zh")), required=True, help="In which language.")
@option("--title", required=True, help="What agents know it by.")
@option("--body", required=True, help="The text; places: {name} {number} {subject} {state} {solution} {company}.")
@database_option
def set_template(code: str, language: str, title: str, body: str, database_url: str | None) -> None:
    """Make or change a text."""

    async def work(database: Database, settings: Settings) -> None:
        from crm.cases import tellings

        async with database.transaction() as session:
            await tellings.define_template(session, code, language, title, body)

    with_database(work, database_url=database_url)
    say(f"template {code} ({language}) is set")


def _team(tier: str, login: str, database_url: str | None, *, join: bool) -> None:
    async def work(database: Database, settings: Settings) -> None:
        from crm.cases import categories

        from .case_deeds import agent_of

        async with database.transaction() as session:
            agent = await agent_of(session, login)
            deed = categories.join_team if join else categories.leave_team
            await deed(session, tier, agent.id)

    with_database(work, database_url=database_url)
    say(f"{login} {'works' if join else 'no longer works'} at {tier}")


def _columns(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def _print(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
    else:
        print_table(rows, tuple(rows[0]) if rows else ())
