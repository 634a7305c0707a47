"""`kefu ivr publish|versions|rollback`: which version of a menu callers hear. Joined to the group in cli.py.

A menu is checked, and its golden calls are played, before it is published; calls that have begun keep the version they
began with, and the server takes the new one up without a restart.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crm.cli.options import database_option, json_option, option, with_database
from crm.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings
    from crm.tables.menus import MenuVersion

who_option = option("--who", metavar="NAME", help="Who publishes (the account you are signed in with).")
note_option = option("--note", default="", metavar="TEXT", help="Why, in one line.")


@click.command(short_help="Bring a menu to callers.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@option("--menu", "name", metavar="NAME", help="The menu's name (the file's own).")
@who_option
@note_option
@database_option
@json_option
def publish(
    file: Path | None, name: str | None, who: str | None, note: str, database_url: str | None, as_json: bool
) -> None:
    """Check a menu file (the installed one unless named), play its golden calls, and bring it to callers."""
    from agi.shipped import menu_file, read_text

    file = file or menu_file(name or "front_desk")
    name = name or file.name.partition(".")[0]
    text = read_text(file)

    async def work(database: Database, settings: Settings) -> MenuVersion:
        from crm import menus

        async with database.transaction() as session:
            _fit(text, file, await menus.queue_names(session))
            return await menus.publish(session, menu=name, text=text, who=_who(who), note=note)

    _published(with_database(work, database_url=database_url), as_json)


@click.command(short_help="Published versions of menus.")
@option("--menu", "name", metavar="NAME", help="Of this menu only.")
@option("--text", "number", type=int, metavar="VERSION", help="Print the text of this version (with --menu).")
@database_option
@json_option
def versions(name: str | None, number: int | None, database_url: str | None, as_json: bool) -> None:
    """Published versions of menus, newest first; the first of each menu is what new callers hear."""
    if number is not None and name is None:
        raise click.BadParameter("name the menu with --menu", param_hint="--text")

    async def work(database: Database, settings: Settings) -> list[MenuVersion]:
        from crm import menus

        async with database.reading() as session:
            if number is not None:
                return [await menus.find(session, str(name), number)]
            return await menus.versions_of(session, name)

    found = with_database(work, database_url=database_url)
    if number is not None:
        click.echo(found[0].text, nl=False)
        return
    newest = {version.menu: version.version for version in reversed(found)}
    rows = [{**_row(version), "heard": newest[version.menu] == version.version} for version in found]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows, ["menu", "version", "heard", "published_at", "who", "note", "like", "sha256"])
    else:
        say("nothing has been published: callers hear the installed menus")


@click.command(short_help="Bring an earlier version back.")
@option("--menu", "name", default="front_desk", metavar="NAME", help="The menu (front_desk).")
@option("--to", "number", type=int, metavar="VERSION", help="The version to bring back (the one before the newest).")
@who_option
@note_option
@database_option
@json_option
def rollback(
    name: str, number: int | None, who: str | None, note: str, database_url: str | None, as_json: bool
) -> None:
    """Bring an earlier version of a menu back to callers, as a new version with the same text."""

    async def work(database: Database, settings: Settings) -> MenuVersion:
        from crm import menus
        from crm.refusals import Refusal

        async with database.transaction() as session:
            newest = await menus.current(session, name)
            if newest is None:
                raise Refusal(f"no version of {name} has been published: nothing to bring back")
            if number is None and newest.version == 1:
                raise Refusal(f"{name} has one version only: publish another, or name one with --to")
            before = await menus.find(session, name, number if number is not None else newest.version - 1)
            _fit(before.text, Path(f"{name}.yaml"), await menus.queue_names(session))
            told = note or f"back to version {before.version}"
            return await menus.publish(
                session, menu=name, text=before.text, who=_who(who), note=told, like=before.version
            )

    _published(with_database(work, database_url=database_url), as_json)


def _fit(text: str, file: Path, queues: frozenset[str]) -> None:
    """Refuse a text with a fault, and one whose golden calls (beside the file) do not go as they must."""
    from agi.golden import play, read_golden
    from agi.shipped import GOLDEN, Unfit, checked, known, load_prompts, read_text

    menu = checked(text, str(file), known(queues))
    golden = file.with_name(file.name.removesuffix(".yaml") + GOLDEN)
    if not golden.is_file():
        return
    calls, faults = read_golden(read_text(golden), str(golden))
    if faults:
        raise Unfit(str(faults[0]))
    texts = load_prompts()[0]
    for call in calls:
        failures = play(call, menu, texts).failures
        if failures:
            raise Unfit(f"{golden}:{call.line} the golden call {call.name!r} {failures[0]} (run `kefu ivr test`)")


def _who(said: str | None) -> str:
    import getpass

    if said:
        return said
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _row(version: MenuVersion) -> dict[str, object]:
    names = ("menu", "version", "published_at", "who", "note", "like")
    return {**{name: getattr(version, name) for name in names}, "sha256": version.sha256[:12]}


def _published(version: MenuVersion, as_json: bool) -> None:
    if as_json:
        print_json(_row(version))
    else:
        say(f"{version.menu} version {version.version} is what new callers hear; calls in progress keep theirs")
