"""`kefu worker` as a process of its own, to be killed and started again."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import tempfile
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from forked_kefu import ForkedKefu


class WorkerProcess:
    """`async with WorkerProcess(url, WEBHOOK_PRIVATE="127.0.0.1") as worker:`; settings as `KEFU_*`, without KEFU_."""

    def __init__(self, database_url: str, **settings: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        said = {f"KEFU_{name}": value for name, value in settings.items()}
        self._environment = {**os.environ, **said, "KEFU_DATABASE_URL": database_url}
        self._running: ForkedKefu | None = None
        self._log = Path(tempfile.mkdtemp(prefix="kefu-worker-")) / "worker.log"

    async def __aenter__(self) -> WorkerProcess:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._log.parent)

    async def start(self, *, until: str = "readyz") -> None:
        """Start, and wait until it says that it is well."""
        self._running = ForkedKefu(["worker", "--health-port", str(self.port)], self._environment, self._log)
        await self.says_of_itself(200, until)

    async def says_of_itself(self, status: int, what: str = "readyz") -> None:
        """Wait until it does: it has no way to tell us by itself."""
        async with asyncio.timeout(30):
            while (await self.ask(what))[0] != status:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def ask(self, what: str) -> tuple[int, dict[str, Any]]:
        """What it answers about itself; 0 when it does not."""
        return await asyncio.to_thread(self._ask, what)

    def _ask(self, what: str) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{what}", timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())
        except OSError:
            return 0, {}

    def kill(self) -> None:
        """kill -9."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self._running is not None
        self._running.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._running.wait, 30)
