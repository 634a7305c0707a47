"""`kefu agent`: who they are, what they do, and the same wishes as on their page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from .agent_rights import ROLES, bind, codes_off, let_in, role, shut_out
from .agent_seat import sign_in, sign_out
from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say
from .routing import skill
from .why import explain

if TYPE_CHECKING:
    from uuid import UUID

    from crm.database import Database
    from crm.settings import Settings

COLUMNS = ("login", "name", "role", "active", "node", "seat", "state", "reason", "next", "since", "queues")
POLL_S = 0.2  # the net below the notification


@click.group()
def agent() -> None:
    """List agents, add one, ask for a pause, set skills, explain who gets calls."""


@agent.command("list")
@database_option
@json_option
def list_(database_url: str | None, as_json: bool) -> None:
    """Agents by login, with what they do now."""
    from msgspec import structs

    from crm import agents
    from crm.settings import read_settings

    async def work(database: Database, _: Settings) -> list[agents.AgentListed]:
        async with database.reading() as session:
            return await agents.listed(session)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([structs.asdict(each) for each in found], COLUMNS, read_settings().zone)


@agent.command()
@click.argument("login")
@option("--name", required=True, help="As shown on screens.")
@option("--password", envvar="KEFU_AGENT_PASSWORD", help="Asked for on the terminal when not given here.")
@option("--role", type=click.Choice(ROLES), default="agent", show_default=True)
@option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@option("--queue", "queues", multiple=True, metavar="QUEUE[:PENALTY]", help="A queue to serve; may be repeated.")
@database_option
@json_option
def add(
    login: str,
    name: str,
    password: str | None,
    role: str,
    language: str,
    queues: tuple[str, ...],
    database_url: str | None,
    as_json: bool,
) -> None:
    """Add an agent, who may sign in at once."""
    from crm import agents, audit

    served = [_queue_and_penalty(each) for each in queues]
    if password is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            added = await agents.create(
                session, login=login, name=name, password=password, role=role, language=language
            )
            for queue, penalty in served:
                await agents.serve(session, added.id, queue, penalty=penalty)
            who = {"by": "command line", "subject": "agent", "subject_id": str(added.id)}
            await audit.note(session, did="agent.add", detail={"role": role}, **who)

    with_database(work, database_url=database_url)
    if as_json:
        print_json({"login": login})
    else:
        say(f"added {login}")


for command in (skill, role, bind, shut_out, let_in, codes_off, sign_in, sign_out):
    agent.add_command(command)
agent.add_command(explain)


@agent.command()
@click.argument("login")
@option("--reason", required=True, help="Shown on screens and in reports.")
@option("--wait", is_flag=True, help="Until Asterisk has confirmed or refused it.")
@database_option
@json_option
def pause(login: str, reason: str, wait: bool, database_url: str | None, as_json: bool) -> None:
    """Ask Asterisk to pause the agent in all queues; a call that goes on is not touched."""
    _ask(login, reason, wait, database_url, as_json)


@agent.command()
@click.argument("login")
@option("--wait", is_flag=True, help="Until Asterisk has confirmed or refused it.")
@database_option
@json_option
def unpause(login: str, wait: bool, database_url: str | None, as_json: bool) -> None:
    """Ask Asterisk to end the agent's pause."""
    _ask(login, None, wait, database_url, as_json)


def _ask(login: str, reason: str | None, wait: bool, database_url: str | None, as_json: bool) -> None:
    from crm.refusals import Refusal

    async def work(database: Database, settings: Settings) -> tuple[str, str | None]:
        wish_id = await _write(database, settings, login, reason)
        if wish_id is None:
            return "as it was", None
        return await _settled(database, wish_id) if wait else ("wanted", None)

    state, why = with_database(work, database_url=database_url)
    if as_json:
        print_json({"login": login, "state": state, "why": why})
    else:
        say(f"{login}: {state}")
    if state in ("refused", "expired"):
        raise Refusal(f"the wish about {login} was {state}: {why or 'Asterisk gave no reason'}")


async def _write(database: Database, settings: Settings, login: str, reason: str | None) -> UUID | None:
    from crm.deeds.pause_agent import pause_agent, unpause_agent

    by, expiry_s = "command line", settings.wish_expiry_seconds
    async with database.transaction() as session:
        if reason is None:
            _, wish = await unpause_agent(session, login, by=by, expiry_s=expiry_s, owes_outcome=False)
        else:
            _, wish = await pause_agent(session, login, reason, by=by, expiry_s=expiry_s)
        return wish.id if wish else None


async def _settled(database: Database, wish_id: UUID) -> tuple[str, str | None]:
    from crm import wishes

    while True:
        async with database.reading() as session:
            settled = await wishes.settled(session, wish_id)
        if settled is not None:
            return settled
        await asyncio.sleep(POLL_S)


def _queue_and_penalty(said: str) -> tuple[str, int]:
    queue, _, penalty = said.partition(":")
    if penalty and not penalty.isdigit():
        raise click.BadParameter(f"{said!r}: write QUEUE or QUEUE:PENALTY, such as support:1", param_hint="--queue")
    return queue, int(penalty or 0)
