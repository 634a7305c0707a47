"""`kefu web`: the pages."""

from __future__ import annotations

import socket

import click

from .options import database_option, option


@click.command()
@option("--host", envvar="KEFU_WEB_HOST", help="Address to listen on.")
@option("--port", type=int, envvar="KEFU_WEB_PORT", help="Port to listen on.")
@database_option
def web(host: str | None, port: int | None, database_url: str | None) -> None:
    """Serve the pages until told to stop."""
    from crm.embedded import database_address
    from crm.logs import set_up_logs
    from crm.settings import read_settings
    from crm.web.serve import serve

    settings = read_settings(web_host=host, web_port=port, database_url=database_url)
    _check_free(settings.web_host, settings.web_port)
    set_up_logs("web", node=settings.node)
    with database_address(settings) as address:
        serve(settings.model_copy(update={"database_url": address}))


def _check_free(host: str, port: int) -> None:
    """uvicorn would say it in a log line and an exit code of its own."""
    from crm.refusals import Refusal

    family, kind, protocol, _, address = _resolve(host, port)
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as taken:
            raise Refusal(f"cannot listen on {host}:{port} ({taken.strerror}): set web_host or web_port") from None


def _resolve(host: str, port: int):  # type: ignore[no-untyped-def]  # five parts, as socket gives them
    from crm.refusals import Refusal

    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as unknown:
        raise Refusal(f"web_host {host!r} is no address of this machine ({unknown.strerror})") from None
