"""A private Asterisk: its own ports, folders, mounts and process ids; it cannot meet another one.

It never touches /etc/asterisk, and leaves no process or mount behind, also after kill -9 of its parent (lifeline.py).
Used by tests, the demo and `kefu pbx sandbox`. Inside a private root Asterisk sees the run folder under the same path
as we do, so paths in its events and logs can be opened as they are.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

from crm.pbx import asterisk_root, lifeline, ports, sandbox_files, sandbox_keeper
from crm.pbx.ami_probe import AmiProbe, AmiRefused
from crm.pbx.asterisk_root import Installation, Say
from crm.pbx.render import VALUES_FILE, SiteValues, known_values, render
from crm.pbx.sandbox_calls import CallFile
from crm.pbx.sandbox_keeper import SandboxFailed

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Account:
    """One AMI account."""

    username: str
    secret: str


class Sandbox:
    """One private Asterisk. `with Sandbox(folder) as sandbox:`; or start and stop it, or await their async twins.

    `version` None takes the Asterisk on PATH if it serves, else builds the usual one; "16" or "22" insists.
    `fastagi_port` is where the IVR server listens (default: a free port, `agi_port`, on which nothing listens yet).
    `prompts_folder` holds one folder a language; its files play as `kefu/<key>`.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        version: str | None = None,
        fastagi_port: int | None = None,
        prompts_folder: Path | None = None,
        values: Mapping[str, object] | None = None,
        boot_timeout_s: float = 60.0,
        say: Say = lambda line: None,
    ) -> None:
        self.folder = Path(folder).absolute()
        self._version = version
        self._fastagi_port = fastagi_port
        self._prompts_folder = prompts_folder.absolute() if prompts_folder else None
        self._more_values = dict(values or {})
        self._boot_timeout_s = boot_timeout_s
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._ports: ports.PortBlock | None = None
        self._installation: Installation | None = None
        self._values: SiteValues | None = None

    # ---- beginning and end

    def start(self) -> Sandbox:
        """Build what is missing, start Asterisk, and return once it is fully booted. Else one sentence is raised."""
        if self._lock is not None:
            raise SandboxFailed(f"the sandbox in {self.folder} was started already")
        self._lock = sandbox_keeper.hold(self.folder)
        try:
            if self._installation is None:
                self._installation = asterisk_root.find_or_build(self._version, self._say)
            if self._ports is None:
                self._ports = ports.reserve()
            self._values = self._write_files(self._installation, self._ports)
            self._launch(self._installation)
            self._wait_until_booted()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End Asterisk and all that it started. Does nothing when it is not running."""
        self._end(lifeline.cut)
        if self._ports is not None:
            self._ports.release()
            self._ports = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def restart(self, *, kill: bool = False) -> None:
        """End Asterisk and start it again on the same ports with the same secrets; `kill` ends it as a crash would."""
        self._end(lifeline.crash if kill else lifeline.cut)
        sandbox_files.make_folders(self.folder)  # a caller who was ringing in then is gone, too
        self._launch(self.installation)
        self._wait_until_booted()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def start_async(self) -> Sandbox:
        """`start` without holding the event loop."""
        return await asyncio.to_thread(self.start)

    async def stop_async(self) -> None:
        """`stop` without holding the event loop."""
        await asyncio.to_thread(self.stop)

    async def __aenter__(self) -> Sandbox:
        return await self.start_async()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop_async()

    # ---- what others need to know of it

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def installation(self) -> Installation:
        return _started(self._installation)

    @property
    def values(self) -> SiteValues:
        return _started(self._values)

    @property
    def ami_port(self) -> int:
        return self.values.ami_port

    @property
    def sip_port(self) -> int:
        return self.values.sip_port

    @property
    def http_port(self) -> int:
        return self.values.http_port

    @property
    def rtp_ports(self) -> range:
        return range(self.values.rtp_first_port, self.values.rtp_last_port + 1)

    @property
    def agi_port(self) -> int:
        """Where the IVR server is expected on 127.0.0.1."""
        return self._fastagi_port or _started(self._ports).agi

    @property
    def spare_ports(self) -> range:
        """Free ports of this sandbox's block, for phones."""
        return _started(self._ports).spare

    @property
    def reader(self) -> Account:
        return Account("kefu_reader", self.values.reader_secret)

    @property
    def actor(self) -> Account:
        return Account("kefu_actor", self.values.actor_secret)

    @property
    def seats(self) -> dict[str, str]:
        """Seat number → SIP secret."""
        return dict(self.values.seats)

    @property
    def log_folder(self) -> Path:
        return self.folder / "log"

    @property
    def messages_file(self) -> Path:
        return self.log_folder / "messages"

    @property
    def queue_log_file(self) -> Path:
        return self.log_folder / "queue_log"

    @property
    def cel_file(self) -> Path:
        return self.log_folder / "cel-custom" / "kefu.csv"

    @property
    def spool_folder(self) -> Path:
        return self.folder / "spool"

    def addresses(self) -> dict[str, object]:
        """Where it listens and writes, for people and programs. No secrets: those lie in `values_file`."""
        return {
            "version": self.installation.version,
            "sip": f"127.0.0.1:{self.sip_port}",
            "ami": f"127.0.0.1:{self.ami_port}",
            "http": f"127.0.0.1:{self.http_port}",
            "agi": self.values.agi_url,
            "folder": str(self.folder),
            "log_folder": str(self.log_folder),
            "values_file": str(self.folder / "etc" / VALUES_FILE),
        }

    # ---- what one can do with it

    def cli(self, command: str) -> str:
        """What Asterisk's console prints for one command. For people and tests; state is read from AMI."""
        return sandbox_keeper.console(self.folder, command)

    def ami(self, account: Account | None = None, *, timeout_s: float = 5.0) -> AmiProbe:
        """A logged-in AMI session; the reader's unless another account is named."""
        account = account or self.reader
        probe = AmiProbe(self.ami_port, timeout_s=timeout_s)
        try:
            probe.login(account.username, account.secret)
        except BaseException:
            probe.close()
            raise
        return probe

    def originate_local(self, call: CallFile) -> None:
        """Let a simulated caller ring in; Asterisk takes the call file up within a second."""
        call.drop_into(self.spool_folder)

    # ---- steps of the start

    def _write_files(self, installation: Installation, block: ports.PortBlock) -> SiteValues:
        own = sandbox_files.own_values(self.folder, installation, block, self.agi_port)
        known = known_values(self.folder / "etc") or SiteValues()
        values = known.changed(**{**own, **self._more_values})
        sandbox_files.make_folders(self.folder)
        sandbox_files.lay_out_data(self.folder / "data", installation, self._prompts_folder)
        render(self.folder / "etc", values, sandbox=True)
        return values

    def _launch(self, installation: Installation) -> None:
        command = [installation.program, "-f", "-C", str(self.folder / "etc" / "asterisk.conf")]
        seen = [self.folder, *([self._prompts_folder] if self._prompts_folder else [])]
        command = installation.command(command, self.folder / "root", seen)
        with (self.log_folder / "console").open("ab") as console:
            self._process = lifeline.spawn(
                command,
                namespaces=installation.root is not None or lifeline.is_root(),
                output=console.fileno(),
                folder=self.folder,
            )

    def _wait_until_booted(self) -> None:
        """Return once Asterisk says FullyBooted to our own reader account."""
        until = time.monotonic() + self._boot_timeout_s
        while time.monotonic() < until:
            if not self.running:
                raise SandboxFailed(f"Asterisk ended while starting: {self._last_words()}")
            try:
                with self.ami(timeout_s=max(0.1, until - time.monotonic())) as probe:
                    probe.read_until("FullyBooted")
                    return
            except AmiRefused as refused:
                raise SandboxFailed(f"another Asterisk answers on port {self.ami_port}: {refused}") from refused
            except (ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise SandboxFailed(f"Asterisk did not boot within {self._boot_timeout_s:.0f} s: {self._last_words()}")

    def _last_words(self) -> str:
        for path in (self.log_folder / "console", self.messages_file):
            if path.exists() and (lines := path.read_text("utf-8", "replace").strip().splitlines()):
                return " / ".join(lines[-3:])
        return f"it said nothing (see {self.log_folder})"

    def _end(self, how: Callable[[subprocess.Popen[bytes]], int]) -> None:
        if self._process is not None:
            how(self._process)
            self._process = None


def _started(thing: _T | None) -> _T:
    if thing is None:
        raise SandboxFailed("the sandbox was not started yet")
    return thing
