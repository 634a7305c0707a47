"""`kefu init`: write the settings, and lay asterisk-conf into an existing Asterisk by own includes only."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import json_option, option
from .output import print_json, say

if TYPE_CHECKING:
    from crm.pbx.install import Change
    from crm.pbx.render import SiteValues
    from crm.settings import Settings
    from crm.settings_file import Value

ASKED = {
    "node": "Name of this Asterisk",
    "country": "Country whose numbers are dialled without a prefix",
    "timezone": "Time zone",
    "database_url": "Address of a Postgres (empty: one of our own)",
}
PARTS = (
    "extensions", "queues", "queuerules", "manager", "pjsip", "features", "res_parking", "cel", "cel_custom",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would be done. `settings` None: the settings file stays as it is."""

    settings_file: Path
    settings: str | None
    etc: Path | None
    changes: list[Change]
    hidden: list[str]
    notes: list[str]


@click.command()
@option("--etc", type=click.Path(path_type=Path), default=Path("/etc/asterisk"), show_default=True, metavar="DIR",
        help="Asterisk's configuration.")  # fmt: skip
@option("--no-asterisk", is_flag=True, help="Write the settings alone.")
@option("--without", multiple=True, type=click.Choice(PARTS), help="Leave a part out, from now on; may be repeated.")
@option("--with", "taken_in", multiple=True, type=click.Choice(PARTS), help="Take in again what was left out.")
@option("--node", metavar="NAME", help="Name of this Asterisk.")
@option("--country", metavar="CC", help="Country whose numbers are dialled without a prefix, such as CN.")
@option("--timezone", metavar="ZONE", help="Time zone, such as Asia/Shanghai.")
@option("--database-url", metavar="URL", help="A Postgres (default: one of our own).")
@click.option("--set", "more", multiple=True, metavar="NAME=VALUE", help="Any other setting; may be repeated.")
@option("--agi-url", metavar="URL", help="Where Asterisk finds the voice menus (default: from fastagi_host and _port).")
@option("--force", is_flag=True, help="Write the settings file anew, also over an existing one.")
@option("--undo", is_flag=True, help="Take all of ours out of Asterisk's configuration again.")
@option("--yes", is_flag=True, help="Do not ask.")
@json_option
def init(
    etc: Path,
    no_asterisk: bool,
    without: tuple[str, ...],
    taken_in: tuple[str, ...],
    more: tuple[str, ...],
    agi_url: str | None,
    force: bool,
    undo: bool,
    yes: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Write the settings, and lay asterisk-conf into an existing Asterisk.

    Shows the difference first and asks. Ours lies in one folder of its own, with one marked include in each file of
    the site; nothing of the site's is changed. May be repeated: secrets stay, and what is well is left alone.
    """
    if undo:
        plan = _plan_undo(etc)
    else:
        values = {name: value for name, value in given.items() if value is not None}
        parts = (without, taken_in)
        plan = _plan(None if no_asterisk else etc, values, more, parts, agi_url, force, ask=not yes and not as_json)
    done = _agreed(plan, yes=yes, as_json=as_json) and _carry_out(plan)
    following = _following(plan, undo) if done else []
    if as_json:
        print_json(_told(plan, done, following))
    else:
        for line in (*plan.notes, *following):
            say(line)
    if not done and (plan.changes or plan.settings):
        sys.exit(1)


def _plan(
    etc: Path | None,
    given: dict[str, str],
    more: tuple[str, ...],
    parts: tuple[tuple[str, ...], tuple[str, ...]],
    agi_url: str | None,
    force: bool,
    *,
    ask: bool,
) -> Plan:
    from crm import settings_file
    from crm.settings import read_settings
    from crm.settings import settings_file as place

    path = place()
    there = settings_file.read_file(path)
    keep = bool(there) and not force
    said = settings_file.said_values(more)
    if keep and (given or said):
        from crm.refusals import Refusal

        raise Refusal(f"{path} is there already: edit it, or write it anew by --force")
    from crm.pbx.render import SiteValues, known_values

    site = (known_values(etc / "kefu") if etc else None) or SiteValues()
    values: dict[str, Value] = dict(there)
    if not keep:
        values = {**given, **(_asked(given) if ask else {}), **_taken_over(etc, site), **said}
    settings = read_settings() if keep else settings_file.checked(values)
    text = None if keep else settings_file.text_of(values)
    site = site.changed(left_out=_left_out(site, *parts))
    changes, notes = _changes(etc, settings, site, agi_url)
    hidden = [str(value) for name, value in values.items() if "secret" in name or name == "database_url"]
    return Plan(path, text, etc, changes, [*hidden, *site.seats.values()], notes)


def _left_out(site: SiteValues, without: tuple[str, ...], taken_in: tuple[str, ...]) -> str:
    """What was left out stays out until it is asked for: a repeat must not install what the site declined."""
    if twice := sorted({*without} & {*taken_in}):
        raise click.UsageError(f"--without {twice[0]} and --with {twice[0]}: say one of them")
    left = ({*site.left_out.split()} | {*without}) - {*taken_in}
    return " ".join(part for part in PARTS if part in left)


def _asked(given: dict[str, str]) -> dict[str, str]:
    if not sys.stdin.isatty():
        return {}
    from crm.settings import Settings

    answers = {}
    for name, question in ASKED.items():
        if name not in given:
            default = Settings.model_fields[name].default or ""
            answer = click.prompt(question, default=default, show_default=bool(default), err=True)
            if answer != default:
                answers[name] = answer
    return answers


def _taken_over(etc: Path | None, site: SiteValues) -> dict[str, Value]:
    """Secrets that both sides must know, and what the site's own configuration says already."""
    from crm.pbx import site_conf
    from crm.settings import Settings

    taken: dict[str, Value] = {
        "ami_secret": site.reader_secret,
        "ami_actor_username": "kefu_actor",
        "ami_actor_secret": site.actor_secret,
    }
    if etc is not None:
        taken["prompts_folder"] = str(
            Settings.model_fields["data_folder"].get_default(call_default_factory=True) / "prompts"
        )
        port = site_conf.value(etc, etc / "manager.conf", "general", "port", leave_out=etc / "kefu")
        if port is not None and port.isdecimal() and port != "5038":
            taken["ami_port"] = int(port)
    return taken


def _changes(
    etc: Path | None,
    settings: Settings,
    site: SiteValues,
    agi_url: str | None,
) -> tuple[list[Change], list[str]]:
    if etc is None:
        return [], []
    from crm.pbx import install, site_conf

    sounds = site_conf.sounds_folder(etc)
    prompts = settings.prompts_folder or settings.data_folder / "prompts"
    host = "127.0.0.1" if settings.fastagi_host in ("0.0.0.0", "::") else settings.fastagi_host  # noqa: S104 - compared
    site = site.changed(
        reader_secret=settings.ami_secret.get_secret_value() if settings.ami_secret else site.reader_secret,
        actor_secret=settings.ami_actor_secret.get_secret_value() if settings.ami_actor_secret else site.actor_secret,
        agi_url=agi_url or f"agi://{host}:{settings.fastagi_port}",
        agi_other_url=settings.fastagi_other_url or "none",
        etc_folder=str(etc),
    )
    parts = [part for part in PARTS if part not in site.left_out.split()]
    logs = site_conf.log_folder(etc)
    changes = install.plan(etc, site, parts=parts, sounds=sounds, prompts=prompts, logs=logs)
    notes = [] if sounds else ["the folder of Asterisk's sounds was not found: prompts are not linked"]
    return changes, notes


def _plan_undo(etc: Path) -> Plan:
    from crm.pbx import install, site_conf
    from crm.settings import settings_file as place

    changes = install.plan_removal(etc, site_conf.sounds_folder(etc) if etc.is_dir() else None)
    return Plan(place(), None, etc, changes, [], [])


def _agreed(plan: Plan, *, yes: bool, as_json: bool) -> bool:
    """Show what would be done, and ask."""
    from crm.pbx import install

    if not plan.changes and plan.settings is None:
        if not as_json:
            say("nothing to do: all is there already")
        return True
    if not as_json:
        if plan.settings is not None:
            click.echo(_without(plan.hidden, f"new {plan.settings_file} (0600)\n{plan.settings}"))
        if plan.changes:
            click.echo(install.difference(plan.changes, plan.hidden))
    if yes:
        return True
    if as_json or not sys.stdin.isatty():
        say("nothing was written: say --yes to have it done")
        return False
    return click.confirm("Write all this?", err=True)


def _carry_out(plan: Plan) -> bool:
    from crm.pbx import install
    from crm.settings_file import write_file

    # The settings first: a run that ends here is repeated with the secrets that they hold.
    if plan.settings is not None:
        write_file(plan.settings_file, plan.settings)
    if plan.etc is not None and plan.changes:
        install.carry_out(plan.changes, plan.etc / "asterisk.conf")
    return True


def _following(plan: Plan, undo: bool) -> list[str]:
    from crm.pbx import install, site_conflicts

    reload = ["now: asterisk -rx 'core reload'"] if plan.changes else []
    if not undo and any(change.path.name == "cel_custom.conf" for change in plan.changes):
        # Without a mapping it gave up when Asterisk started, and a reload does not wake it.
        reload.append("     asterisk -rx 'module load cel_custom.so'")
    if undo:
        return [*reload, f"{plan.settings_file} stays: remove it yourself if it is not wanted"]
    mended = [f"still to mend: {line}" for line in site_conflicts.conflicts(plan.etc)] if plan.etc else []
    globals_ = plan.etc / install.FOLDER / install.SITE / "globals.conf" if plan.etc else None
    if globals_ is not None and plan.changes and not globals_.exists():
        mended.append(f"to call out: the line CALLBACK_VIA = @your-trunk in {globals_}, which stays yours")
    then = "then: kefu prompts build, kefu up; beside it: kefu queue name, kefu agent add, kefu doctor"
    return [*mended, *reload, then]


def _told(plan: Plan, done: bool, following: list[str]) -> dict[str, object]:
    return {
        "done": done,
        "settings_file": str(plan.settings_file),
        "settings_written": done and plan.settings is not None,
        "changes": [{"path": str(change.path), "what": change.what} for change in plan.changes],
        "notes": [*plan.notes, *following],
    }


def _without(hidden: list[str], text: str) -> str:
    for secret in hidden:
        text = text.replace(secret, "•••")
    return text
