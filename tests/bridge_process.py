"""`kefu bridge run` as a process of its own, to be stopped and killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import TracebackType

# Freezes the process at the moment between a committed claim and the first byte of its action.
_HOLD = """
import time
from ami_bridge.listener import Listener
whole = Listener.post
def post(self, headers):
    if headers["Action"] == "QueuePause":
        time.sleep(60)
    return whole(self, headers)
Listener.post = post
"""


class BridgeProcess:
    """`async with BridgeProcess(url, port, folder) as process:`; ended with the block."""

    def __init__(
        self,
        database_url: str,
        ami_port: int,
        folder: Path,
        *,
        secret: str = "right",
        pause_before_post: bool = False,
        arguments: tuple[str, ...] = (),
        **settings: object,
    ) -> None:
        more = {f"KEFU_{name.upper()}": str(value) for name, value in settings.items()}
        self._environment = {
            **os.environ,
            "KEFU_DATABASE_URL": database_url,
            "KEFU_AMI_PORT": str(ami_port),
            "KEFU_DATA_FOLDER": str(folder / "data"),
            "KEFU_AMI_SECRET": secret,
            "KEFU_AMI_PING_SECONDS": "0.2",
            "KEFU_WISH_EXPIRY_SECONDS": "2",
            **more,
        }
        self._hold = pause_before_post
        self._arguments = arguments
        self._log = folder / "bridge.log"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> BridgeProcess:
        held = _HOLD if self._hold else ""
        start = f"{held}\nfrom crm.cli import main\nmain(['bridge', 'run', *{list(self._arguments)!r}])"
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", start, env=self._environment, stdout=log, stderr=log
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            await self.end(signal.SIGTERM)

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    @property
    def said(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace")

    async def end(self, number: signal.Signals) -> int:
        """Signal it; its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.ended()

    async def ended(self, deadline_s: float = 20.0) -> int:
        """Its exit code, once it ends by itself."""
        return await asyncio.wait_for(self.process.wait(), deadline_s)
