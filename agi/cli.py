"""`kefu ivr …`: serving calls, and the menus themselves (menu_commands.py, version_commands.py).

`kefu prompts …` stands in prompt_commands.py. Data on stdout, talk on stderr; heavy imports inside the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agi import menu_commands, version_commands
from agi.prompt_commands import prompts
from crm.cli.options import database_option, node_option, option

if TYPE_CHECKING:
    from crm.settings import Settings

__all__ = ["ivr", "ivr_service", "prompts"]


def ivr_service(settings: Settings) -> list[str]:
    """How `kefu up` starts this room: the arguments after `kefu`."""
    return ["ivr", "serve"]


@click.group()
def ivr() -> None:
    """What callers hear: serve calls; check, walk, draw and publish menus."""


@ivr.command()
@option("--host", metavar="ADDRESS", envvar="KEFU_FASTAGI_HOST", help="Address to listen on.")
@option("--port", type=int, metavar="PORT", envvar="KEFU_FASTAGI_PORT", help="Port to listen on.")
@option("--health-port", type=int, metavar="PORT", envvar="KEFU_IVR_HEALTH_PORT", help="Port of /healthz; 0: none.")
@node_option
@database_option
def serve(
    host: str | None, port: int | None, health_port: int | None, node: str | None, database_url: str | None
) -> None:
    """Answer calls that Asterisk sends by FastAGI, until SIGTERM."""
    import uvloop

    from agi.service import serve as serve_calls
    from crm.settings import read_settings

    settings = read_settings(
        fastagi_host=host, fastagi_port=port, ivr_health_port=health_port, node=node, database_url=database_url
    )
    uvloop.run(serve_calls(settings))


for command in (
    menu_commands.check,
    menu_commands.simulate,
    menu_commands.rehearse,
    menu_commands.play_golden,
    menu_commands.graph,
    menu_commands.diff,
    version_commands.publish,
    version_commands.versions,
    version_commands.rollback,
):
    ivr.add_command(command)
