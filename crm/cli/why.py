"""`kefu agent explain`: why somebody gets calls, or gets none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import database_option, json_option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.reports.agent_explained import Explained
    from crm.settings import Settings

COLUMNS = ("queue", "penalty", "rung_from_s", "waiting", "longest_wait_s", "why")


@click.command()
@click.argument("login")
@database_option
@json_option
def explain(login: str, database_url: str | None, as_json: bool) -> None:
    """Why an agent gets calls now or gets none: state, seat, phone, pauses, skills, and the rule in each queue."""
    from msgspec import structs

    from crm.reports import agent_explained
    from crm.settings import read_settings

    async def work(database: Database, _: Settings) -> Explained:
        async with database.reading() as session:
            return await agent_explained.explain(session, login)

    told = with_database(work, database_url=database_url)
    if as_json:
        print_json(told)
        return
    facts = {**structs.asdict(told), "skills": [f"{skill} {level}" for skill, level in sorted(told.skills.items())]}
    print_table([facts], ("login", "state", "since", "seat", "device", "pause_reason", "skills"), read_settings().zone)
    print_table([structs.asdict(each) for each in told.queues], COLUMNS)
    say(f"{login} {told.verdict}")
