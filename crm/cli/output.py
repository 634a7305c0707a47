"""How answers look: JSON for programs, a table for people. Data goes to stdout, talk to stderr.

Names and numbers come from callers: control characters never reach a terminal, and no markup in them is obeyed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from msgspec import Struct

_hidden: frozenset[str] = frozenset()


def hide(fields: frozenset[str]) -> None:
    """From here on mask these fields in all that is printed, as the pages do for a role."""
    global _hidden
    _hidden = fields


def refuse_masked(what: str) -> None:
    """Refusal where something is hidden from whoever is at the command line: a file would hold all of it."""
    from crm.refusals import Refusal

    if _hidden:
        raise Refusal(f"{what} would show what cli_role sees masked ({', '.join(sorted(_hidden))}): use another role")


def seen(thing: Any) -> Any:
    """As whoever is at the command line may see it. What is made a sentence or a line of goes through here first."""
    if not _hidden:
        return thing
    from crm.rules import masks

    return masks.view(thing, _hidden)


def print_json(answer: object) -> None:
    """One JSON document on stdout."""
    import msgspec

    if _hidden:
        answer = seen(msgspec.to_builtins(answer))
    click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


def print_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], zone: tzinfo | None = None) -> None:
    """The columns of `rows`; for a pipe, tab-separated lines without decoration. Times are shown in `zone`."""
    rows = seen(list(rows))
    lines = [[_cell(row.get(column), zone) for column in columns] for row in rows]
    if not sys.stdout.isatty():
        for line in [list(columns), *lines]:
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "))
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    Console().print(table)


def print_listed(
    found: Sequence[Struct], columns: Sequence[str], *, zone: tzinfo | None = None, as_json: bool = False
) -> None:
    """What a subject listed: every field as JSON, or the columns as a table."""
    from msgspec import structs

    rows = [structs.asdict(each) for each in found]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, columns, zone)


def say(sentence: str) -> None:
    """Talk to the person at the terminal."""
    click.echo(sentence, err=True)


def _cell(value: Any, zone: tzinfo | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_cell(count, zone)} {_cell(name, zone)}" for name, count in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(each, zone) for each in value) or "-"
    return "".join(character if character.isprintable() else "\ufffd" for character in str(value))
