"""What the demo stands on, and what must be true before anything is started: its folder, room, ports, database.

Each check refuses in one sentence and leaves nothing behind. Called by the demo's stage.
"""

from __future__ import annotations

import fcntl
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crm.database import Database
from crm.refusals import Refusal

ROOM_NEEDED_MB = 300
PORT_PATIENCE_S = 8.0
"""How long an earlier demo that was killed may take to let go of its port."""

NODE = "demo"


class DemoRefused(Refusal):
    """The demo cannot start here, or one of its parts did not."""


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """The demo's own folder for the length of the block; DemoRefused when another demo has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as fault:
        raise DemoRefused(
            f"the demo cannot use {folder} ({fault.strerror}): name another data_folder (KEFU_DATA_FOLDER)"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoRefused(
                f"another demo runs in {folder}: end it with Ctrl-C, or set KEFU_DATA_FOLDER and KEFU_WEB_PORT "
                "to run a second one"
            ) from None
        check_room(folder)
        yield folder


def check_room(folder: Path) -> None:
    """DemoRefused when the disk is nearly full: a database that runs out of it stops in mid-call."""
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < ROOM_NEEDED_MB:
        raise DemoRefused(
            f"{folder} has {free_mb} MB free, the demo needs {ROOM_NEEDED_MB}: make room, "
            "or name another data_folder (KEFU_DATA_FOLDER)"
        )


def check_port(host: str, port: int) -> None:
    """DemoRefused when something else listens where the pages should be."""
    until = time.monotonic() + PORT_PATIENCE_S
    while not _is_free(host, port):
        if time.monotonic() > until:
            raise DemoRefused(
                f"port {port} of {host} is taken by another program: stop it, or choose another port "
                f"with KEFU_WEB_PORT, such as {port + 1}"
            )
        time.sleep(0.2)


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


async def refuse_real_center(database: Database) -> None:
    """DemoRefused when the database has seen another Asterisk than the demo's: invented people do not belong there."""
    from sqlalchemy import select

    from crm.tables.nodes import Node

    async with database.reading() as session:
        real = await session.scalar(select(Node.name).where(Node.name != NODE).limit(1))
    if real is not None:
        raise DemoRefused(
            f"the database {database.where} belongs to a real call center (it knows the Asterisk {real!r}): "
            "name an empty one, or unset database_url"
        )
