"""A whole call center for tests: a private Asterisk, a database, and Kefu's services as the processes they really are.

`async with Center(folder, database_url, prompts) as center:` starts `kefu bridge run`, `kefu ivr serve` and `kefu web`
with their settings in the environment, and returns when each is ready by its own word. Ended, it leaves no process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from forked_kefu import ForkedKefu

from crm.pbx.asterisk_root import cache_folder
from crm.pbx.sandbox import Sandbox

KEFU = Path(sys.executable).with_name("kefu")
READY_WITHIN_S = 90.0
ENDS_WITHIN_S = 10.0
NODE = "test-node"


class ServiceFailed(AssertionError):
    """A service did not become ready or did not end; the message holds what it said."""


class Service:
    """One `kefu …` process. What it says on stderr is kept in `log`. `whole`: started as operators do, not forked."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        health: str,
        log: Path,
        *,
        whole: bool = False,
    ) -> None:
        self.name = name
        self._whole = whole
        self.log = log
        self._arguments = arguments
        self._environment = dict(environment)
        self._health = health
        self._process: subprocess.Popen[bytes] | ForkedKefu | None = None

    def start(self) -> None:
        """Start the process; returns at once."""
        if not self._whole:
            self._process = ForkedKefu(self._arguments, self._environment, self.log)
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [KEFU, *self._arguments], env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def ready(self) -> None:
        """Return once /readyz answers 200."""
        until = time.monotonic() + READY_WITHIN_S
        why = "it never answered"
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise ServiceFailed(f"{self.name} ended with {self.process.returncode}:\n{self.said()}")
            try:
                await asyncio.to_thread(_get, f"{self._health}/readyz")
                return
            except OSError as not_yet:
                why = str(not_yet)
            await asyncio.sleep(0.05)
        raise ServiceFailed(f"{self.name} was not ready within {READY_WITHIN_S:.0f} s ({why}):\n{self.said()}")

    async def metrics(self) -> str:
        """Prometheus' text of this service."""
        return await asyncio.to_thread(_get, f"{self._health}/metrics")

    def kill(self) -> None:
        """As a crash."""
        self.process.kill()
        self.process.wait()

    async def end(self) -> int:
        """SIGTERM, and wait. Returns the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self._process.wait, ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServiceFailed(f"{self.name} did not end on SIGTERM:\n{self.said()}") from None

    def said(self) -> str:
        """The last of what it logged."""
        return self.log.read_text("utf-8", "replace")[-4000:] if self.log.exists() else ""

    @property
    def process(self) -> subprocess.Popen[bytes] | ForkedKefu:
        if self._process is None:
            raise ServiceFailed(f"{self.name} was not started")
        return self._process


class Center:
    """All of it. `sandbox` may be a running one whose prompts and AGI port suit; else one is started and stopped."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        prompts: Path | None = None,
        settings: Mapping[str, str] | None = None,
        version: str = "22",
        worker: bool = False,
    ) -> None:
        """`worker`: with the service for periodic work, which few tests need."""
        self.folder = folder
        self.database_url = database_url
        self.node = NODE
        self.sandbox = Sandbox(folder / "pbx", version=version, prompts_folder=prompts, say=print)
        self._settings = dict(settings or {})
        self._commands = {"bridge": ["bridge", "run"], "ivr": ["ivr", "serve"], "web": ["web"]}
        if worker:
            self._commands["worker"] = ["worker"]
        self.services: dict[str, Service] = {}

    async def __aenter__(self) -> Self:
        await self.sandbox.start_async()
        try:
            self._prepare()
            for service in self.services.values():
                service.start()
            for service in self.services.values():
                await service.ready()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for service in self.services.values():
                print(f"---- {service.name}\n{service.said()}")
        await self._end()

    @property
    def web(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self._ports['web']}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of this center, for any `kefu` command."""
        ports = self._ports
        said = {
            "NODE": self.node,
            "DATABASE_URL": self.database_url,
            "DATA_FOLDER": str(self.folder),
            "AMI_PORT": str(self.sandbox.ami_port),
            "AMI_USERNAME": self.sandbox.reader.username,
            "AMI_SECRET": self.sandbox.reader.secret,
            "AMI_ACTOR_USERNAME": self.sandbox.actor.username,
            "AMI_ACTOR_SECRET": self.sandbox.actor.secret,
            "FASTAGI_PORT": str(self.sandbox.agi_port),
            "WEB_PORT": str(ports["web"]),
            "IVR_HEALTH_PORT": str(ports["ivr"]),
            "BRIDGE_HEALTH_PORT": str(ports["bridge"]),
            "WORKER_HEALTH_PORT": str(ports["worker"] if "worker" in self._commands else 0),
            "SECURE_COOKIES": "false",
            **self._settings,
        }
        return {**os.environ, **{f"KEFU_{name}": value for name, value in said.items()}}

    async def kefu(self, *arguments: str) -> Any:
        """What `kefu … --json` prints for this center."""
        ran = await asyncio.to_thread(
            subprocess.run, [KEFU, *arguments, "--json"], env=self.environment, capture_output=True, check=False
        )
        if ran.returncode != 0:
            raise ServiceFailed(f"kefu {' '.join(arguments)} ended with {ran.returncode}: {ran.stderr.decode()}")
        return json.loads(ran.stdout)

    @property
    def _ports(self) -> dict[str, int]:
        worker, web, ivr, bridge = list(self.sandbox.spare_ports)[-4:]
        return {"web": web, "ivr": ivr, "bridge": bridge, "worker": worker}

    def _prepare(self) -> None:
        for name, arguments in self._commands.items():
            health = f"http://127.0.0.1:{self._ports[name]}"
            log = self.folder / f"{name}.log"
            self.services[name] = Service(name, arguments, self.environment, health, log)

    async def _end(self) -> None:
        for service in self.services.values():
            if service._process is not None and service._process.poll() is None:
                service._process.send_signal(signal.SIGTERM)
        try:
            for service in self.services.values():
                await service.end()
        finally:
            await self.sandbox.stop_async()


async def spoken_prompts() -> Path:
    """The prompts in both languages, kept in the cache folder; only what changed is spoken anew."""
    folder = cache_folder() / "prompts"
    build = await asyncio.create_subprocess_exec(KEFU, "prompts", "build", "--to", folder)
    if await build.wait() != 0:
        raise ServiceFailed("the prompts could not be spoken")
    return folder


def _get(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 - our own loopback address
            return str(answer.read().decode())
    except urllib.error.HTTPError as refused:
        raise OSError(f"{refused.code} {refused.read().decode()[:300]}") from None
