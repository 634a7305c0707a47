"""`kefu doctor`: probe each hop from trunk to card, and name what is broken with the command that mends it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .options import database_option, json_option, node_option, option
from .output import print_json, say

if TYPE_CHECKING:
    from crm.doctor.findings import Finding

MARKS = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "broken": ("✗", "bold red"),
    "unknown": ("?", "cyan"),
    "not_checked": ("·", "dim"),
}


@click.command()
@option("--call", is_flag=True, help="Also place a test call from trunk to card; it rings whoever is ready.")
@option("--keys", default="", metavar="KEYS", help="Keys that the test caller presses, such as 1w2 (w: half a second).")
@node_option
@database_option
@json_option
def doctor(call: bool, keys: str, node: str | None, database_url: str | None, as_json: bool) -> None:
    """Probe each hop from trunk to card, and name what is broken.

    Changes nothing that callers or agents notice. Exit code 1 when a hop is broken.
    """
    from crm.doctor.hops import HOPS, with_test_call
    from crm.doctor.rounds import Round, walk
    from crm.settings import settings_file

    if bad := sorted(set(keys) - set("0123456789*#w")):
        raise click.BadParameter(f"{bad[0]!r} is no key: 0-9, *, # and w", param_hint="--keys")
    round_ = Round(str(settings_file()), {"node": node, "database_url": database_url})
    findings = asyncio.run(walk(with_test_call(keys) if call else HOPS, round_))
    broken = [finding.hop for finding in findings if finding.state == "broken"]
    if as_json:
        print_json({"ok": not broken, "findings": findings})
    else:
        _print(findings)
        say(f"broken: {', '.join(broken)}" if broken else "all hops are well")
    if broken:
        sys.exit(1)


def _print(findings: Sequence[Finding]) -> None:
    if not sys.stdout.isatty():
        for finding in findings:
            click.echo(f"{finding.state}\t{finding.hop}\t{_plain(finding.said)}")
            for line in _remedy(finding):
                click.echo(f"\t\t{_plain(line)}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = MARKS[finding.state]
        said = Text(_plain(finding.said), style=style if finding.state in ("broken", "warning", "not_checked") else "")
        for line in _remedy(finding):
            said.append(f"\n{_plain(line)}", style="not bold default")
        table.add_row(Text(mark, style=style), Text(finding.hop), said)
    Console().print(table)


def _remedy(finding: Finding) -> list[str]:
    return [f"why:  {finding.why}", f"mend: {finding.mend}"] if finding.fault else []


def _plain(text: str) -> str:
    """Peers may answer anything: no control character reaches a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
