"""`kefu bridge tail`: what the running bridge hears from Asterisk, as it hears it.

Joined to the group in cli.py. Imports only click at its top.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from crm.cli.options import json_option, node_option, option
from crm.cli.output import say

if TYPE_CHECKING:
    from .ring_reading import RingReader

LOOK_EVERY_S = 0.25


@click.command()
@node_option
@option("--last", type=click.IntRange(min=0), default=20, metavar="N", help="Begin with the last N (default 20).")
@option("--follow/--no-follow", default=True, help="Go on until Ctrl-C (the default), or stop at the end.")
@option("--event", "events", multiple=True, metavar="NAME", help="Only these events; Agent* takes all that begin so.")
@option("--call", metavar="LINKEDID", help="Only messages that name this call (or a channel's Uniqueid).")
@option("--raw-fields", is_flag=True, help="All headers of each, not only the few that matter.")
@json_option
def tail(
    node: str | None,
    last: int,
    follow: bool,
    events: tuple[str, ...],
    call: str | None,
    raw_fields: bool,
    as_json: bool,
) -> None:
    """What Asterisk says to the running bridge, one line a message, like `tail -f`.

    It reads the raw ring: the bridge keeps the last raw_ring_megabytes (64; 0 keeps none) of what it heard, all but the
    events that nobody follows (VarSet, Newexten, …), in raw/NODE under data_folder, with other phone numbers and names
    in the place of the true ones. So it asks nothing of Asterisk, and shows what was heard before, too. Its files can
    be played: `kefu bridge replay FILE`. To write down everything from now on, over a login of its own and if need be
    with the true numbers, use `kefu bridge record`.
    """
    from crm.refusals import Refusal
    from crm.settings import read_settings

    from .raw_ring import ring_files, ring_folder
    from .ring_reading import RingReader, Wanted

    settings = read_settings(node=node)
    folder = ring_folder(settings.data_folder, settings.node)
    try:
        there = ring_files(folder)
    except OSError as fault:
        raise Refusal(f"{folder} cannot be read ({fault.strerror}): run this as the account of the bridge") from None
    if not there:
        raise Refusal(
            f"no raw ring of the node {settings.node!r} in {folder}: its bridge has not run with this data_folder yet, "
            "or keeps none (raw_ring_megabytes = 0)"
        )
    _print_all(RingReader(folder, Wanted(events, call)), last, follow, _shown_as(as_json, raw_fields, settings.zone))


def _print_all(reader: RingReader, last: int, follow: bool, show: Any) -> None:
    for message in reader.last(last):
        show(message)
    if not follow:
        return
    say("following; Ctrl-C ends it")
    while True:
        for message in reader.more():
            show(message)
        time.sleep(LOOK_EVERY_S)


def _shown_as(as_json: bool, raw_fields: bool, zone: Any) -> Any:
    import msgspec

    def show(message: Any) -> None:
        if as_json:
            headers: dict[str, Any] = {}
            for key, value in message.headers:
                headers.setdefault(key, []).append(value)
            told = {key: values[0] if len(values) == 1 else values for key, values in headers.items()}
            click.echo(msgspec.json.encode({"at": message.at, "event": message.event, "headers": told}))
        else:
            click.echo(message.line(zone, whole=raw_fields))

    return show
