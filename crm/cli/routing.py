"""`kefu queue need|rules|credit` and `kefu agent skill`: who is rung for whom, when, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, node_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.rules.skills import Row
    from crm.settings import Settings

BY = "command line"


@click.command(short_help="What skill a queue needs, and how long.")
@click.argument("queue")
@click.argument("skill")
@click.argument("levels", nargs=-1, metavar="[LEVEL [LEVEL@SECONDS]...]")
@database_option
@json_option
def need(queue: str, skill: str, levels: tuple[str, ...], database_url: str | None, as_json: bool) -> None:
    """What a queue needs of a skill: `kefu queue need support english 4 3@30 0@90` insists on level 4 for half a
    minute, then on 3, and after a minute and a half on none. Without levels the need is taken away. Seats that are sat
    at get their new penalties at once; the moments take effect with `kefu queue rules --write`."""
    from crm import skills
    from crm.deeds.fit_to_skills import fit_to_skills

    wanted = dict(_level(said) for said in levels)

    async def work(database: Database, settings: Settings) -> int:
        async with database.transaction() as session:
            await skills.set_need(session, queue, skill, wanted)
            return len(await fit_to_skills(session, asked_by=BY, expiry_s=settings.wish_expiry_seconds))

    asked = with_database(work, database_url=database_url)
    if as_json:
        print_json({"queue": queue, "skill": skill, "levels": wanted, "wishes": asked})
    else:
        say(f"{queue} needs {_spoken(skill, wanted)}; {asked} seats to follow. Load its rule: kefu queue rules --write")


@click.command(short_help="Who may be rung after how many seconds, and why.")
@click.argument("queue", required=False)
@option("--write", "folder", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Write queuerules_needs.conf there (where asterisk-conf was rendered), have it loaded.")  # fmt: skip
@node_option
@database_option
@json_option
def rules(queue: str | None, folder: Path | None, node: str | None, database_url: str | None, as_json: bool) -> None:
    """The truth table: seconds waited by agents who may be rung, and why the others may not. All queues with needs,
    unless one is named."""
    from crm import skills
    from crm.rules.skills import Fit, rules_file, truth_table

    async def work(database: Database, settings: Settings) -> dict[str, list[Row]]:
        async with database.transaction() as session:
            needing = await skills.queues_with_needs(session)
            steps = {name: await skills.steps_of(session, name) for name in needing}
            if folder is not None:
                (folder / "queuerules_needs.conf").write_text(rules_file(steps), encoding="utf-8")
                await _ask_reload(session, settings)
            found = {}
            for name in [queue] if queue else needing:
                serving = [Fit(one.login, one.skills, one.own_penalty) for one in await skills.serving(session, name)]
                found[name] = truth_table(steps.get(name, []), serving)
            return found

    table = with_database(work, database_url=database_url, node=node)
    if as_json:
        print_json(table)
        return
    print_table([line for name, rows in table.items() for line in _lines(name, rows)],
                ("queue", "waited", "needs", "may be rung", "not yet"))  # fmt: skip
    if folder is not None:
        say(f"written to {folder}; Asterisk is asked to load it")


async def _ask_reload(session: Any, settings: Settings) -> None:
    from crm import wishes

    expiry_s = settings.wish_expiry_seconds
    await wishes.ask(session, node=settings.node, seat="", kind="reload_rules", asked_by=BY, expiry_s=expiry_s)


def _lines(queue: str, rows: list[Row]) -> list[dict[str, object]]:
    return [
        {
            "queue": queue,
            "waited": f"{row.from_s} s on" if row.until_s is None else f"{row.from_s} to {row.until_s} s",
            "needs": [f"{skill} {level}" for skill, level in sorted(row.needed.items())],
            "may be rung": [f"{login} ({penalty})" for login, penalty in row.rung.items()],
            "not yet": "; ".join(f"{login} {why}" for login, why in row.held_back.items()),
        }
        for row in rows
    ]


@click.command(short_help="Change the credit of a caller who waits.")
@click.argument("caller", metavar="ID")
@click.argument("minutes", type=click.FloatRange(0))
@option("--reason", required=True, help="Kept with the call.")
@node_option
@database_option
@json_option
def credit(caller: str, minutes: float, reason: str, node: str | None, database_url: str | None, as_json: bool) -> None:
    """Give a caller who waits now so many minutes of credit, never more than the cap. ID: a conversation's id, or its
    Linkedid. Asterisk 22 moves the caller in the queue; on 16 the caller is taken out and joins again, place kept."""
    from crm.deeds.change_credit import change_credit

    async def work(database: Database, settings: Settings) -> tuple[int, str]:
        async with database.transaction() as session:
            return await change_credit(
                session,
                identity=caller,
                node=settings.node,
                seconds=round(minutes * 60),
                at_most_s=round(settings.waiting_credit_at_most_minutes * 60),
                reason=reason,
                asked_by=BY,
                expiry_s=settings.wish_expiry_seconds,
            )

    seconds, how = with_database(work, database_url=database_url, node=node)
    if as_json:
        print_json({"caller": caller, "credit_s": seconds, "how": how})
    else:
        say(f"credit {seconds} s: {how} asked for")


@click.group()
def skill() -> None:
    """What agents can: list, set."""


@skill.command("list")
@database_option
@json_option
def list_skills(database_url: str | None, as_json: bool) -> None:
    """Agents by login with their skills; 1 is a little, 5 is the best."""
    from crm import skills

    async def work(database: Database, _: Settings) -> dict[str, dict[str, int]]:
        async with database.reading() as session:
            return await skills.all_of(session)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        rows = [{"login": login, "skills": [f"{name} {level}" for name, level in has.items()]}
                for login, has in found.items()]  # fmt: skip
        print_table(rows, ("login", "skills"))


@skill.command("set")
@click.argument("login")
@click.argument("name", metavar="SKILL")
@click.argument("level", type=click.IntRange(0, 5))
@database_option
@json_option
def set_skill(login: str, name: str, level: int, database_url: str | None, as_json: bool) -> None:
    """How good an agent is at something, 1 to 5; 0 takes the skill away. At a seat it takes effect at once."""
    from crm import agents, skills
    from crm.deeds.fit_to_skills import fit_to_skills
    from crm.refusals import Refusal

    async def work(database: Database, settings: Settings) -> list[str]:
        async with database.transaction() as session:
            agent = await agents.find(session, login)
            if agent is None:
                raise Refusal(f"there is no agent {login!r}: see `kefu agent list`")
            await skills.set_level(session, agent.id, name, level)
            expiry_s = settings.wish_expiry_seconds
            asked = await fit_to_skills(session, asked_by=BY, expiry_s=expiry_s, agent_id=agent.id)
            return [f"{wish.kind} {wish.queue}" for wish in asked]

    asked = with_database(work, database_url=database_url)
    if as_json:
        print_json({"login": login, "skill": name, "level": level, "wishes": asked})
    else:
        say(f"{login}: {name} {level}" + (f"; asked for {', '.join(asked)}" if asked else ""))


def _level(said: str) -> tuple[int, int]:
    level, _, after = said.partition("@")
    if not level.isdecimal() or (after and not after.removesuffix("s").isdecimal()):
        raise click.BadParameter(f"{said!r}: write LEVEL or LEVEL@SECONDS, such as 3@30", param_hint="LEVEL")
    return int(after.removesuffix("s") or 0), int(level)


def _spoken(skill: str, levels: dict[int, int]) -> str:
    if not levels:
        return f"no {skill}"
    return f"{skill} " + ", ".join(f"{level} from {after} s" for after, level in sorted(levels.items()))
