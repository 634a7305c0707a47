"""`kefu knowledge`: articles from files, searched, shown, and what readers say of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
# As crm.tables.knowledge has them, whose import is slow.
STATES = ("draft", "published", "retired")
COLUMNS = ("number", "title_en", "title_zh", "matter", "queue", "state", "version", "used", "author")


@click.group()
def knowledge() -> None:
    """Articles for agents: write them from files, search, show, read what readers say."""


@knowledge.command("list")
@click.argument("words", nargs=-1)
@option("--matter", help="Of one matter.")
@option("--queue", help="Of one queue.")
@option("--state", type=click.Choice([*STATES, "all"]), default="published", show_default=True)
@option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@database_option
@json_option
def list_(
    words: tuple[str, ...],
    matter: str | None,
    queue: str | None,
    state: str,
    limit: int,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Articles that hold WORDS, the best first; without words, all."""

    async def work(database: Database, settings: Settings) -> list[dict[str, Any]]:
        from msgspec import structs

        from crm import knowledge_search

        async with database.reading() as session:
            found = await knowledge_search.search(
                session,
                " ".join(words),
                state=None if state == "all" else state,
                of_matter=matter,
                of_queue=queue,
                limit=limit,
            )
        return [structs.asdict(each) for each in found]

    rows = with_database(work, database_url=database_url)
    print_json(rows) if as_json else print_table(rows, COLUMNS)


@knowledge.command()
@click.argument("number", type=int)
@option("--version", type=click.IntRange(1), help="An older version (default: the one in force).")
@database_option
@json_option
def show(number: int, version: int | None, database_url: str | None, as_json: bool) -> None:
    """One article as it is written."""

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        from crm import knowledge
        from crm.refusals import Refusal

        async with database.reading() as session:
            article = await knowledge.find(session, number)
            text = await knowledge.version_of(session, article, version) if article else None
            if article is None or text is None:
                raise Refusal(f"there is no article {number}" + (f" of version {version}" if version else ""))
            head = {name: getattr(article, name) for name in ("number", "matter", "queue", "state")}
            names = ("version", "by", "at", "title_en", "body_en", "title_zh", "body_zh")
            return head | {name: getattr(text, name) for name in names}

    told = with_database(work, database_url=database_url)
    if as_json:
        print_json(told)
        return
    say(f"article {told['number']}, {told['state']}, version {told['version']} by {told['by']}")
    for language in ("en", "zh"):
        if told[f"title_{language}"]:
            click.echo(f"{told[f'title_{language}']}\n\n{told[f'body_{language}']}\n")


@knowledge.command()
@option("--number", type=int, help="A new version of this article (default: a new article).")
@option("--english", type=_FILE, metavar="FILE", help="Markdown; the first line is the title.")
@option("--chinese", type=_FILE, metavar="FILE", help="Likewise.")
@option("--matter", help="Offered in calls about this matter.")
@option("--queue", help="Offered in calls of this queue.")
@option("--state", type=click.Choice(STATES), help="Default: published, or as it was.")
@option("--agent", "login", metavar="LOGIN", help="The author, who hears what readers say.")
@database_option
@json_option
def write(number: int | None, database_url: str | None, as_json: bool, **said: Any) -> None:
    """Write an article, or a new version of one; a language without a file stays as it was."""
    given = {language: _read(said[name]) for language, name in (("en", "english"), ("zh", "chinese")) if said[name]}
    if number is None and not given:
        raise click.UsageError("a new article needs --english or --chinese")

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        from crm.deeds.write_article import write_article

        async with database.transaction() as session:
            article = await write_article(session, number, given, **{
                name: said[name] for name in ("matter", "queue", "state", "login")
            })  # fmt: skip
            return {"number": article.number, "version": article.version, "state": article.state}

    told = with_database(work, database_url=database_url)
    if as_json:
        print_json(told)
    else:
        say(f"article {told['number']}, version {told['version']}, {told['state']}")


@knowledge.command()
@option("--all", "everything", is_flag=True, help="Answered ones, too.")
@database_option
@json_option
def feedback(everything: bool, database_url: str | None, as_json: bool) -> None:
    """What readers told the authors and nobody answered yet."""

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Settings]:
        from msgspec import structs

        from crm import knowledge

        async with database.reading() as session:
            found = await knowledge.feedback(session, open_only=not everything)
        return [structs.asdict(each) for each in found], settings

    rows, settings = with_database(work, database_url=database_url)
    columns = ("number", "at", "teller", "body", "answered_by", "answer")
    print_json(rows) if as_json else print_table(rows, columns, settings.zone)


def _read(path: Path) -> tuple[str, str]:
    """Title and body of a file."""
    try:
        title, _, body = path.read_text("utf-8-sig").lstrip().partition("\n")
    except (UnicodeDecodeError, OSError) as unreadable:
        raise click.ClickException(f"{path} cannot be read as UTF-8: {unreadable}") from None
    return title.lstrip("# ").strip(), body.strip()
