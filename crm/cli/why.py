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

STEPS = ("at", "word", "reason", "next_reason", "cause", "actor", "event")
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

    async def work(database: Database, settings: Settings) -> Explained:
        async with database.reading() as session:
            return await agent_explained.explain(session, login, settings.missed_call_policy)

    told = with_database(work, database_url=database_url)
    if as_json:
        print_json(told)
        return
    facts = {**structs.asdict(told), "skills": [f"{skill} {level}" for skill, level in sorted(told.skills.items())]}
    print_table([facts], ("login", "state", "since", "seat", "device", "pause_reason", "skills"), read_settings().zone)
    print_table([structs.asdict(each) for each in told.queues], COLUMNS)
    zone = read_settings().zone
    if told.steps:
        say("Its last steps, the newest first:")
        print_table([structs.asdict(each) for each in told.steps], STEPS, zone)
    if told.untaken:
        say("Calls not taken lately:")
        print_table([structs.asdict(each) for each in told.untaken], ("at", "queue", "outcome", "why"), zone)
    say(f"{login} {told.verdict}")
