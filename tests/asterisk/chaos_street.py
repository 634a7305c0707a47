"""The Asterisk side of a chaos run: its dialplan, its seats, callers that ring in, agents that hand over.

`async with Street(center, plan) as street: await street.play()`; what is played follows chaos_script.py. Nothing here
looks into the ledger. Called by prove_chaos.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from chaos_script import DIRECT_TALK_S, TARGETS, Planned
from sip_phones import SippSeat

from crm.pbx.ami_probe import AmiRefused
from crm.pbx.sandbox import Sandbox

EXTENSIONS = Path(__file__).with_name("chaos_extensions.conf")
LOCAL_SEATS = [f"Local/{number}@chaos-seats/n" for number in range(501, 591)]
SIP_SEATS = tuple(str(number) for number in range(1001, 1007))
MEMBERS = {"reception": LOCAL_SEATS, "support": [f"PJSIP/{seat}" for seat in SIP_SEATS]}
OVER_WITHIN_S = 150.0


class Street:
    """One run. `dropped`: number → when its caller rang in; `falls`: from when to when Asterisk was away; `handed`:
    whom Asterisk handed over, by its own word (keys pressed on a busy machine are not always understood)."""

    def __init__(self, sandbox: Sandbox, plan: list[Planned]) -> None:
        self.dropped: dict[str, float] = {}
        self.falls: list[tuple[float, float]] = []
        self.handed: set[str] = set()
        self._sandbox = sandbox
        self._plan = plan
        self._phones = ExitStack()
        self._there = asyncio.Event()
        self._there.set()
        self._stopping = threading.Event()
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hand_over = {each.number: each.hand_over for each in plan if each.hand_over is not None}

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._lay_out)
        self._hearing.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._phones.close)

    async def play(self, rang_in: Callable[[], None]) -> None:
        """Let each caller ring in at their time; while Asterisk is away they wait until it is there again."""
        began = time.monotonic()
        for planned in self._plan:
            await asyncio.sleep(max(0.0, began + planned.at_s - time.monotonic()))
            await self._there.wait()
            self.dropped[planned.number] = time.time()
            self._sandbox.originate_local(planned.call)
            rang_in()

    async def over(self) -> None:
        """Return once no call is left."""
        until = time.monotonic() + OVER_WITHIN_S
        while left := await asyncio.to_thread(self._channels):
            assert time.monotonic() < until, f"{len(left)} channels never ended: {left[:10]}"
            await asyncio.sleep(1)

    async def restart(self, *, kill: bool) -> None:
        """Asterisk ends with all that it has, and is started again."""
        self._there.clear()
        fell_at = time.time()
        try:
            await asyncio.to_thread(self._sandbox.restart, kill=kill)
        finally:
            self.falls.append((fell_at, time.time()))
            self._there.set()

    def _lay_out(self) -> None:
        sandbox = self._sandbox
        with (sandbox.folder / "etc" / "sandbox" / "agents.conf").open("a") as street:
            street.write("\n" + EXTENSIONS.read_text())
        sandbox.cli("dialplan reload")
        for seat in SIP_SEATS:
            self._phones.enter_context(SippSeat(sandbox, seat, ring_s=0.4, talk_s=6))
        for seat in TARGETS:
            self._phones.enter_context(SippSeat(sandbox, seat, ring_s=0.5, talk_s=DIRECT_TALK_S))
        with sandbox.ami(sandbox.actor) as actor:
            for queue, members in MEMBERS.items():
                for interface in members:
                    added = actor.ask({"Action": "QueueAdd", "Queue": queue, "Interface": interface})
                    assert added["Response"] == "Success", added

    def _channels(self) -> list[str]:
        with self._sandbox.ami() as probe:
            return [row["Channel"] for row in probe.ask_list({"Action": "CoreShowChannels"}) if "Channel" in row]

    # ---- agents who hand over, in a thread of their own

    def _hear(self) -> None:
        """Follow Asterisk directly: what the bridge cannot hear is played all the same."""
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, AmiRefused, AssertionError), self._sandbox.ami() as probe:
                for message in probe.messages(3600.0):
                    if self._stopping.is_set():
                        return
                    event = message.get("Event")
                    if event in ("BlindTransfer", "AttendedTransfer"):
                        self.handed |= {number for number in message.values() if number in self.dropped}
                    elif event == "AgentConnect" and message["CallerIDNum"] in self._hand_over:
                        threading.Thread(target=self._let_go, args=(message,), daemon=True).start()
            self._stopping.wait(0.3)

    def _let_go(self, connected: dict[str, str]) -> None:
        act = self._hand_over.pop(connected["CallerIDNum"], None)
        if act is None:
            return
        time.sleep(act.after_s)
        headers = {"Action": act.action, "Channel": connected["DestChannel"], "Context": "internal", "Exten": act.to}
        with contextlib.suppress(OSError, AmiRefused), self._sandbox.ami(self._sandbox.actor) as actor:
            actor.ask(headers)
