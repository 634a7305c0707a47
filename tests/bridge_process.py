"""`kefu bridge run` as a process of its own, to be stopped and killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import TracebackType

from forked_kefu import ForkedKefu


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
        self._process: ForkedKefu | None = None

    async def __aenter__(self) -> BridgeProcess:
        arguments = ["bridge", "run", *self._arguments]
        self._process = ForkedKefu(arguments, self._environment, self._log, hold_before_sending=self._hold)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            await self.end(signal.SIGTERM)

    @property
    def process(self) -> ForkedKefu:
        assert self._process is not None
        return self._process

    @property
    def said(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    async def end(self, number: signal.Signals) -> int:
        """Signal it; its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.ended()

    async def ended(self, deadline_s: float = 20.0) -> int:
        """Its exit code, once it ends by itself."""
        return await self.process.ended(deadline_s)
