"""`kefu demo`: everything at once, with simulated callers and agents, and one seat for whoever looks."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from .options import database_option, option
from .output import say

if TYPE_CHECKING:
    from crm.demo.play import Play
    from crm.demo.stage import Stage


@click.command()
@option("--calls", type=click.IntRange(1, 100_000), metavar="N", help="End by itself when N callers have been served.")
@option(
    "--duration",
    type=click.FloatRange(1, 86_400),
    metavar="S",
    help="Seconds of callers: then it ends; with --calls, the N are spread over them.",
)
@option("--asterisk", metavar="VERSION", help="22 or 16, built from Debian (default: the Asterisk on PATH, else 22).")
@database_option
@click.option("--json", "as_json", is_flag=True, help="Print where everything is, and how it ended, a JSON line each.")
def demo(
    calls: int | None, duration: float | None, asterisk: str | None, database_url: str | None, as_json: bool
) -> None:
    """A whole call center on this machine: real Asterisk, simulated callers and agents, until Ctrl-C.

    Needs no set-up: a Postgres, an Asterisk and the prompts of its own are made at the first start. Sign in as the
    demo's agent and watch cards pop as the phone rings.
    """
    from crm.demo.stage import Stage
    from crm.settings import read_settings

    settings = read_settings(database_url=database_url)
    signal.signal(signal.SIGTERM, _like_ctrl_c)
    with Steps() as steps, Stage(settings, steps.say, asterisk=asterisk) as stage:
        asyncio.run(_run(stage, steps, calls, duration, as_json))


async def _run(stage: Stage, steps: Steps, calls: int | None, duration: float | None, as_json: bool) -> None:
    from crm.demo.play import Play
    from crm.settings import read_settings

    from .own_postgres import keep_serving
    from .supervisor import Supervisor
    from .up import services_of

    environment = stage.environment
    services = services_of(read_settings(**stage.said), (), environment)
    stage.log_folder.mkdir(exist_ok=True)
    supervisor = Supervisor(services, environment, steps.note, log_folder=stage.log_folder)
    doors = [service.health for service in services if service.health is not None]
    play = Play(stage, supervisor, doors, calls=calls, duration_s=duration)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, play.stop)
    beside = [asyncio.create_task(_tell(play, steps))]
    if stage.own_postgres is not None:
        beside.append(asyncio.create_task(keep_serving(stage.own_postgres, steps.note)))
    try:
        ended = await play.run(steps.say, lambda: _welcome(stage, steps, as_json))
    finally:
        for task in beside:
            task.cancel()
    _farewell(play, ended, as_json)


def _welcome(stage: Stage, steps: Steps, as_json: bool) -> None:
    from crm.demo import people
    from crm.demo_data import DEMO_PASSWORD

    host = stage.settings.web_host
    pages = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::', '') else host}:{stage.settings.web_port}"  # noqa: S104
    if as_json:
        import json

        told = {
            "ready": True,
            "desk": f"{pages}/desk",
            "wallboard": f"{pages}/wallboard",
            "login": people.NEWCOMER,
            "supervisor": "dana",
            "password": DEMO_PASSWORD,
            "seat": people.NEWCOMER_SEAT,
            "node": "demo",
            "database_url": None if stage.settings.database_url else stage.database_url,
            "sip": f"127.0.0.1:{stage.sandbox.sip_port}",
            "logs": str(stage.log_folder),
        }
        click.echo(json.dumps(told))
        return
    command = "kefu" if shutil.which("kefu") else os.path.relpath(sys.argv[0])
    own = "" if stage.settings.database_url else f"KEFU_DATABASE_URL='{stage.database_url}' "
    steps.show(
        f"""
  Your desk    {pages}/desk        sign in as {people.NEWCOMER}, password {DEMO_PASSWORD}
  Wallboard    {pages}/wallboard   sign in as dana, same password

  Your phone rings and answers by itself, in the private Asterisk; the card pops as it rings.
  Try this:
    · watch the card: who calls, what they pressed, how long they waited
    · write a note while you talk; save an outcome when the call has ended: that ends your after-call work
    · ask for a pause while talking: it begins when the call is over
    · open the desk in a second tab, reload it, change its language: nothing is lost
    · in another terminal:  {own}{command} conversation list
  The services write to {stage.log_folder}. Ctrl-C ends everything.
"""
    )


def _farewell(play: Play, ended: Mapping[str, int], as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps({"rung_in": play.rung_in, "outcomes": ended}))
    elif ended:
        told = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(ended.items()))
        say(f"{play.rung_in} callers rang in: {told}")


async def _tell(play: Play, steps: Steps) -> None:
    """The line at the bottom of the terminal while calls go on."""
    from crm.refusals import CrmUnavailable

    while True:
        await asyncio.sleep(2)
        if play.rung_in:
            try:
                found = await play.outcomes()
            except CrmUnavailable:
                continue
            answered, now = found.get("answered", 0), found.get("now", 0)
            steps.count(f"{play.rung_in} callers rang in · {now} on the line now · {answered} talked to an agent")


class Steps:
    """What happens, as it happens: a line with a running clock on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.text import Text

        self._text = Text
        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("starting") if sys.stderr.isatty() else None
        self._step = ""
        self._since = 0.0

    def __enter__(self) -> Steps:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, step: str) -> None:
        """A step has begun; the one before is done."""
        if step == self._step:
            return
        self._done()
        self._step, self._since = step, time.monotonic()
        if self._status is not None:
            self._status.update(self._text(step), spinner="dots")
        else:
            say(step)

    def count(self, line: str) -> None:
        """The line at the bottom while calls go on."""
        if self._status is not None:
            self._status.update(self._text(line), spinner="dots")

    def _done(self) -> None:
        """A finished step leaves a line with its seconds."""
        if self._status is not None and self._step:
            took = f"  {time.monotonic() - self._since:.1f} s"
            self._console.print(self._text.assemble(("✓ ", "green"), self._step, (took, "dim")))
        self._step = ""

    def note(self, sentence: str) -> None:
        """Something worth a line that stays."""
        if self._status is None:
            say(sentence)
        elif " is well " not in sentence:
            self._console.print(sentence, markup=False)

    def show(self, text: str) -> None:
        """What a person should read in peace."""
        self._done()
        if self._status is None:
            say(text)
        else:
            self._console.print(text, markup=False, soft_wrap=True)


def _like_ctrl_c(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
