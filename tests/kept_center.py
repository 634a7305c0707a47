"""A whole call center as an operator runs it: one `kefu up` with a Postgres of its own, beside a private Asterisk.

`async with KeptCenter(folder, prompts) as center:` returns when all services are ready by their own word. Its processes
are then killed, frozen and counted by name; how long each takes to come back is measured from the outside.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from center import Center, Service, ServiceFailed, _get

SERVICES = {"bridge": ["bridge", "run"], "ivr": ["ivr", "serve"], "web": ["web"]}
BACK_WITHIN_S = 90.0


class KeptCenter(Center):
    """`folder` must be open to the account that Postgres runs as."""

    def __init__(self, folder: Path, prompts: Path, *, version: str = "22") -> None:
        super().__init__(folder, "", prompts=prompts, version=version)
        own = folder / "postgres"
        self.database_url = f"postgresql://kefu@/kefu?host={own / 'run'}&port=5432"
        self._own = own

    def _prepare(self) -> None:
        settings = {name: value for name, value in self.environment.items() if name != "KEFU_DATABASE_URL"}
        health = f"http://127.0.0.1:{self._ports['web']}"
        self.services = {"up": Service("up", ["up"], settings, health, self.folder / "up.log", whole=True)}

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            await self.all_ready()
        except BaseException:
            await self._end()
            raise
        return self

    async def start_again(self) -> None:
        """`kefu up` once more, after all of it was killed."""
        up = self.services["up"]
        up.start()
        await self.all_ready()

    async def all_ready(self) -> None:
        """Return once every service can do its work."""
        await self.services["up"].ready()
        for name in SERVICES:
            await self.back(name, 0)

    # ---- its processes

    def pid(self, name: str) -> int:
        """The process of a service now; 0 while there is none."""
        keeper = self.services["up"].process.pid
        return next((pid for pid in _children(keeper) if _is_kefu(pid, SERVICES[name])), 0)

    def signal(self, name: str, number: signal.Signals) -> int:
        """Kill or freeze a service, as it is; return who it was."""
        pid = self.pid(name)
        assert pid, f"{name} does not run"
        os.kill(pid, number)
        return pid

    def kill_everything(self) -> None:
        """Every Kefu process, all at once, and Postgres with them: as if the machine's operator had made a mistake."""
        keeper = self.services["up"].process
        pids = [keeper.pid, *(self.pid(name) for name in SERVICES), self._postgres()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        keeper.wait()

    async def back(self, name: str, before: int) -> float:
        """The moment (monotonic) at which another process than `before` says that it is ready."""
        address = f"http://127.0.0.1:{self._ports[name]}/readyz"
        why = f"process {before} is still there"
        until = time.monotonic() + BACK_WITHIN_S
        while time.monotonic() < until:
            if self.pid(name) not in (0, before):
                try:
                    await asyncio.to_thread(_get, address)
                    return time.monotonic()
                except OSError as not_yet:
                    why = str(not_yet)
            await asyncio.sleep(0.02)
        raise ServiceFailed(f"{name} was not back within {BACK_WITHIN_S:.0f} s ({why}):\n{self.services['up'].said()}")

    # ---- its Postgres

    @contextmanager
    def postgres_away(self) -> Iterator[None]:
        """Postgres is killed, and cannot be started again until the block ends."""
        with (self._own / "start.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            os.kill(self._postgres(), signal.SIGKILL)
            yield

    def _postgres(self) -> int:
        return int((self._own / "data" / "postmaster.pid").read_text().split()[0])


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every account may enter, Postgres' too."""
    made = Path(tempfile.mkdtemp(prefix="kefu-kept-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def _children(pid: int) -> list[int]:
    try:
        tasks = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for children in tasks for child in children]


def _is_kefu(pid: int, arguments: list[str]) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return False
    return command[-1 - len(arguments) : -1] == arguments
