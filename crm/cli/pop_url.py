"""`kefu pop-url`: the links of a caller's card into another CRM, tried with a past call."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings


@click.group("pop-url")
def pop_url() -> None:
    """Links from the card into another CRM: what they look like for a past call."""


@pop_url.command()
@option("--call", type=click.UUID, metavar="ID", help="Which call (default: the last one).")
@option("--template", metavar="URL", help="One to try that is not in the settings yet.")
@database_option
@json_option
def preview(call: UUID | None, template: str | None, database_url: str | None, as_json: bool) -> None:
    """Fill the settings' pop_urls, or one template, with what a call knew."""
    from crm.deeds.pop_urls import links, values_of
    from crm.refusals import Refusal
    from crm.rules.url_templates import check

    async def work(database: Database, settings: Settings) -> list[dict[str, str]]:
        if template is not None:
            try:
                check(template, settings.pop_url_hosts.replace(",", " ").split())
            except ValueError as unfit:
                raise Refusal(str(unfit)) from None
            settings = settings.model_copy(update={"pop_urls": {"template": template}})
        if not settings.pop_urls:
            raise Refusal("pop_urls names no template: write one into the settings, or give --template")
        async with database.reading() as session:
            values = await values_of(session, settings, call)
        return [{"title": title, "url": url} for title, url in links(settings, values)]

    rows = with_database(work, database_url=database_url)
    if as_json:
        print_json(rows)
    else:
        print_table(rows, ("title", "url"))


@pop_url.command()
@json_option
def places(as_json: bool) -> None:
    """What may stand in braces."""
    from crm.rules.url_templates import PLACES

    rows = [{"place": "{" + name + "}", "means": means} for name, means in PLACES.items()]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, ("place", "means"))
