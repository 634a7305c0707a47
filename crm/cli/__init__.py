"""The command `kefu`: one group a file, found through the entry points `kefu.commands`, loaded when called.

agi and ami_bridge bring their own groups that way, so crm imports neither. This file imports nothing heavy: one line of
help for each group stands here, so that `kefu --help` loads no group.
"""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from crm.refusals import Refusal

HELP = {
    "agent": "List agents, add one, ask for a pause, set skills, explain.",
    "bridge": "Watch an Asterisk over AMI, carry out wishes, replay recordings.",
    "audit": "Who did what, and whether the rows are as they were written.",
    "privacy": "Find, export and erase one person; legal holds; certificates.",
    "retention": "How long rows are kept, and taking out what is too old.",
    "call": "Hang up, send keys, mute, transfer, ask, park, dial: the call at an agent's seat.",
    "callback": "Promises to call back: list, add, move, halt; why not yet, how many kept.",
    "case": "Cases: list, show, open, escalate, close; what has neither case nor reason.",
    "directory": "Departments, and whom to reach in them.",
    "work-order": "What cases ask of other departments: list, answer, rate.",
    "conversation": "List calls, explain one.",
    "customer": "Customers: list, show, add, edit, merge, import, export; who may be one.",
    "db": "Make or upgrade the tables, load demo data.",
    "demo": "A whole call center with simulated callers and agents.",
    "doctor": "Probe each hop from trunk to card, and name what is broken.",
    "hours": "When each queue answers, why, and the days that are unlike the others.",
    "init": "Write settings, and install asterisk-conf into an existing Asterisk.",
    "ivr": "Serve the voice menus, check and play them without a phone.",
    "knowledge": "Articles for agents: write them from files, search, show, read what readers say.",
    "message": "Tell agents something at their desks, and see who has read it.",
    "number": "Block and allow callers by number, write a number in E.164.",
    "order": "Orders and other facts of other systems: take them in from files, list, show.",
    "outcome": "How calls end: outcomes, which queue offers them, where one is demanded.",
    "pause-reason": "What agents may pause for, how long a day, and when a pause ends by itself.",
    "pbx": "Check asterisk-conf, run a private Asterisk.",
    "pop-url": "Links from the card into another CRM, tried with a past call.",
    "prompts": "Build and check the spoken prompts.",
    "queue": "List queues, name one; what skills they need, and who is rung when.",
    "queue-log": "Take a history of queue_log into the ledger.",
    "report": "Hold the ledger against Asterisk's own files.",
    "target": "Traffic lights of an agent's own day.",
    "token": "Keys of programs that ask the REST door: make, list, revoke.",
    "up": "Start everything, and keep it running.",
    "value": "What customers are worth: rank them, see the pyramid, change its thresholds.",
    "voicemail": "The messages that callers left: list them, take one, finish one.",
    "web": "Serve the pages.",
    "webhook": "Tell other systems what happens: subscribers, their state, what was given up.",
    "worker": "Do what is due later or again and again: closing time, webhooks, nightly figures.",
}


class Groups(click.Group):
    """Command groups by entry point; every Refusal below becomes one line on stderr and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without loading what they name."""
        return sorted(_entries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one group, now that it is called."""
        entry = _entries().get(cmd_name)
        if entry is None:
            return None
        loaded = entry.load()
        if not isinstance(loaded, click.Command):
            raise click.ClickException(f"the entry point {entry.value} of kefu.commands is no click command")
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `kefu --help`, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, HELP.get(name, "")) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run; what is refused is said in one sentence."""
        try:
            return super().invoke(ctx)
        except Refusal as refused:
            raise click.ClickException(" ".join(str(refused).split())) from refused


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="kefu.commands")}


@click.group(cls=Groups, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "KEFU"})
@click.option(
    "--config",
    metavar="FILE",
    envvar="KEFU_CONFIG",
    show_envvar=True,
    help="Settings file (default: kefu.toml in this folder, if there is one).",
)
@click.version_option(package_name="kefu", message="%(prog)s %(version)s")
def main(config: str | None) -> None:
    """Kefu, the call-center layer for Asterisk.

    Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """
    if config:
        os.environ["KEFU_CONFIG"] = config
