"""What stands before the first call: database, tables, people, prompts, private Asterisk; and its orderly end.

`with Stage(settings, say) as stage:` prepares one part after another, each step told through `say`. Leaving the block,
also by an error or Ctrl-C in the middle of it, ends all that was started. Called by `kefu demo`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from crm.database import Database
from crm.embedded import EmbeddedPostgres
from crm.pbx.asterisk_root import NoAsterisk, cache_folder, find_or_build
from crm.pbx.lifeline import NoNamespaces
from crm.pbx.ports import NoPorts
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_keeper import SandboxFailed
from crm.settings import Settings

from . import ground, people
from .callers import Person
from .ground import NODE, DemoRefused

Say = Callable[[str], None]


class Stage:
    """The demo's ground, up and running between `__enter__` and `__exit__`."""

    database_url: str
    own_postgres: EmbeddedPostgres | None = None
    sandbox: Sandbox
    customers: list[Person]

    def __init__(self, settings: Settings, say: Say, *, asterisk: str | None = None) -> None:
        """`asterisk`: "22" or "16"; None takes the usual one."""
        self.settings = settings
        self._asterisk = asterisk
        self.folder = settings.data_folder / "demo"
        self.prompts = settings.prompts_folder or cache_folder() / "prompts"
        self._say = say
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            with _in_one_sentence():
                parts.enter_context(ground.held(self.folder))
                ground.check_port(self.settings.web_host, self.settings.web_port)
                self._say("looking for an Asterisk")
                find_or_build(say=self._say)  # first, because it takes longest where there is none, or cannot be had
                self._open_database(parts)
                self._build_prompts()
                self._start_asterisk(parts)
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.__exit__(kind, error, trace)

    @property
    def log_folder(self) -> Path:
        """Where the services write what they say."""
        return self.folder / "log"

    @property
    def said(self) -> dict[str, object]:
        """The settings of this demo, over whatever its user has set for a real center."""
        sandbox = self.sandbox
        return {
            "node": NODE,
            "database_url": self.database_url,
            "data_folder": self.folder,
            "opening_hours": "mon-sun 00:00-24:00",
            "ami_host": "127.0.0.1",
            "ami_port": sandbox.ami_port,
            "ami_tls": False,
            "ami_username": sandbox.reader.username,
            "ami_secret": sandbox.reader.secret,
            "ami_actor_username": sandbox.actor.username,
            "ami_actor_secret": sandbox.actor.secret,
            "voicemail_folder": sandbox.spool_folder / "kefu-voicemail",
            "fastagi_host": "127.0.0.1",
            "fastagi_port": sandbox.agi_port,
            "web_host": self.settings.web_host,
            "web_port": self.settings.web_port,
            "secure_cookies": False,  # the demo's pages are plain http on loopback
        }

    @property
    def environment(self) -> dict[str, str]:
        """The environment under which the services, and any `kefu` command, belong to this demo."""
        ours = {
            name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in self.said.items()
        }
        return {**os.environ, **{f"KEFU_{name.upper()}": value for name, value in ours.items()}}

    def last_words(self, service: str) -> str:
        """What a service said last."""
        log = self.log_folder / f"{service}.log"
        lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
        return lines[-1].removeprefix("Error: ") if lines else "it said nothing"

    def _open_database(self, parts: ExitStack) -> None:
        if self.settings.database_url is not None:
            self.database_url = self.settings.database_url
        else:
            self._say("starting a Postgres of its own")
            self.own_postgres = parts.enter_context(EmbeddedPostgres(self.folder / "postgres"))
            self.database_url = self.own_postgres.url
        from crm import migrations

        self._say("bringing the tables up to date")
        migrations.upgrade(self.database_url)
        self._say("inviting customers and agents")
        asyncio.run(self._load_people())

    async def _load_people(self) -> None:
        database = Database(self.database_url, application_name="kefu-demo", pool_size=1)
        try:
            await ground.refuse_real_center(database)
            async with database.transaction() as session:
                await people.load(session, country=self.settings.country)
                self.customers = await people.who_may_call(session)
        finally:
            await database.close()

    def _build_prompts(self) -> None:
        self._say("speaking the prompts in English and Chinese")
        command = [sys.executable, "-m", "crm.cli", "prompts", "build", "--to", str(self.prompts), "--json"]
        built = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if built.returncode != 0:
            told = built.stderr.strip().splitlines() or [f"exit code {built.returncode}"]
            raise DemoRefused(f"the prompts could not be spoken: {told[-1].removeprefix('Error: ')}")

    def _start_asterisk(self, parts: ExitStack) -> None:
        self._say("starting a private Asterisk")
        pbx = Sandbox(self.folder / "pbx", version=self._asterisk, prompts_folder=self.prompts, say=self._say)
        self.sandbox = parts.enter_context(pbx)


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    """What cannot be started, as a person can mend it."""
    try:
        yield
    except (NoAsterisk, NoNamespaces, NoPorts, SandboxFailed) as fault:
        raise DemoRefused(str(fault)) from fault
    except OSError as fault:
        where = f" {fault.filename}" if fault.filename else ""
        raise DemoRefused(f"the demo cannot start ({fault.strerror or fault}){where}") from fault
