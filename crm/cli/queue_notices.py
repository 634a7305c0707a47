"""`kefu queue close-now|announce|reopen`: what new callers of a queue are told from this moment on."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from .hours import account, by_option
from .options import database_option, json_option, option, with_database
from .output import print_json, say

if TYPE_CHECKING:
    from datetime import tzinfo

    from crm.database import Database
    from crm.settings import Settings

ALL = "all"

until_option = option("--until", type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%H:%M"]),
                      help="It ends by itself then (time zone of the settings; HH:MM is today).")  # fmt: skip


@click.command("close-now")
@click.argument("queue")
@until_option
@option("--announce", "prompt", metavar="PROMPT", help="What callers hear (default: queue-closed).")
@option("--reason", default="", help="Why: shown on the wallboard.")
@by_option
@database_option
@json_option
def close_now(
    queue: str,
    until: datetime | None,
    prompt: str | None,
    reason: str,
    by: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Close QUEUE (or `all`) for new callers at once: they hear so, and may leave a message.

    Who waits already is served; who still waits after closing_grace_minutes is led to voicemail.
    """
    _say(queue, "closed", prompt, until, reason, by, database_url, as_json)


@click.command()
@click.argument("queue")
@click.argument("prompt")
@until_option
@option("--reason", default="", help="Why: shown on the wallboard.")
@by_option
@database_option
@json_option
def announce(
    queue: str,
    prompt: str,
    until: datetime | None,
    reason: str,
    by: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Have new callers of QUEUE (or `all`) hear PROMPT, a key of prompts.yaml, before they wait."""
    _say(queue, "announcement", prompt, until, reason, by, database_url, as_json)


@click.command()
@click.argument("queue")
@by_option
@database_option
@json_option
def reopen(queue: str, by: str | None, database_url: str | None, as_json: bool) -> None:
    """Take back what `close-now` and `announce` said of QUEUE (or `all`)."""
    from crm import hours

    name = "" if queue == ALL else queue

    async def work(database: Database, _: Settings) -> list[str]:
        async with database.transaction() as session:
            return [
                kind
                for kind in ("closed", "announcement")
                if await hours.unsay(session, name, kind, by=by or account())
            ]

    ended = with_database(work, database_url=database_url)
    if as_json:
        print_json({"queue": queue, "ended": ended})
    else:
        say(f"{queue}: {' and '.join(ended)} ended" if ended else f"{queue}: nothing was said of it")


def _say(
    queue: str,
    kind: str,
    prompt: str | None,
    until: datetime | None,
    reason: str,
    by: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    from crm import hours, queues
    from crm.refusals import Refusal

    if prompt is not None:
        _check_prompt(prompt)

    async def work(database: Database, settings: Settings) -> datetime | None:
        ends_at = _ends_at(until, settings.zone)
        async with database.transaction() as session:
            known = {each.name for each in await queues.listed(session)}
            if queue != ALL and queue not in known:
                raise Refusal(
                    f"there is no queue {queue!r}: it is one of {', '.join(sorted(known)) or 'none yet'}, or all"
                )
            await hours.say(
                session,
                "" if queue == ALL else queue,
                kind,
                by=by or account(),
                prompt=prompt,
                until=ends_at,
                reason=reason,
            )
        return ends_at

    ends_at = with_database(work, database_url=database_url)
    if as_json:
        print_json({"queue": queue, "kind": kind, "prompt": prompt, "until": ends_at})
    else:
        what = "closed for new callers" if kind == "closed" else f"new callers hear {prompt}"
        say(f"{queue}: {what}{f' until {ends_at:%Y-%m-%d %H:%M %Z}' if ends_at else ''}")


def _ends_at(until: datetime | None, zone: tzinfo) -> datetime | None:
    if until is None:
        return None
    if until.year == 1900:  # only a time of day was given
        today = datetime.now(zone).date()
        until = until.replace(year=today.year, month=today.month, day=today.day)
    return until.replace(tzinfo=zone)


def _check_prompt(prompt: str) -> None:
    """Callers would hear nothing of a prompt that is not there."""
    import importlib.resources

    import yaml

    from crm.refusals import Refusal

    file = importlib.resources.files("kefu_asterisk_conf") / "prompts" / "prompts.yaml"
    known = yaml.safe_load(file.read_text("utf-8"))
    if prompt not in known:
        ready = ", ".join(key for key in known if key.startswith("announce-"))
        raise Refusal(f"there is no prompt {prompt!r} in prompts.yaml: announcements kept ready are {ready}")
