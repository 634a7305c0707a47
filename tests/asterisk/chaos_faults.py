"""What falls in a chaos run, and when: the bridge, the AMI line, Postgres, Asterisk itself. Called by prove_chaos.py.

`ChaosCenter` is a center of one service, the bridge, behind a cable that can be cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

from ami_cable import AmiCable
from center import Center, Service
from chaos_street import Street
from sqlalchemy import text

from crm import wishes
from crm.database import CrmUnavailable, Database
from crm.embedded import EmbeddedPostgres
from crm.migrations import upgrade

KILLED, CUT, POSTGRES, RESTARTED, CRASHED = "bridge killed", "AMI cut", "Postgres killed", "restarted", "crashed"


class ChaosCenter(Center):
    """One service, the bridge, and a Postgres of its own; AMI runs through `cable`."""

    def __init__(self, folder: Path, *, version: str) -> None:
        self.postgres = EmbeddedPostgres(folder / "postgres")
        super().__init__(folder, self.postgres.url, version=version)
        self.cable: AmiCable

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.postgres.start)
        await asyncio.to_thread(upgrade, self.database_url)
        return await super().__aenter__()

    @property
    def environment(self) -> dict[str, str]:
        """The bridge's way to AMI is the cable."""
        return {**super().environment, "KEFU_AMI_PORT": str(self.cable.port)}

    @property
    def bridge(self) -> Service:
        return self.services["bridge"]

    def _prepare(self) -> None:
        self.cable = AmiCable(self.sandbox.ami_port)
        self.cable.port = next(iter(self.sandbox.spare_ports))
        self._mended = asyncio.ensure_future(self.cable.mend())
        health = f"http://127.0.0.1:{self._ports['bridge']}"
        log = self.folder / "bridge.log"
        self.services = {"bridge": Service("bridge", ["bridge", "run"], self.environment, health, log)}

    async def _end(self) -> None:
        try:
            await super()._end()
        finally:
            await self.cable.cut()
            await asyncio.to_thread(self.postgres.stop)

    async def bridge_killed(self, away_s: float) -> None:
        """kill -9, and another one after a while."""
        self.bridge_lives()
        await asyncio.to_thread(self.bridge.kill)
        await asyncio.sleep(away_s)
        self.bridge.start()

    def bridge_lives(self) -> None:
        """Raise when the bridge has ended by itself: nothing that falls is a reason."""
        code = self.bridge.process.poll()
        assert code is None, f"the bridge ended by itself with {code}: {self.bridge.said()[-600:]}"

    async def postgres_killed(self, away_s: float) -> None:
        """kill -9 of the whole server, and another start after a while."""
        os.kill(int((self.postgres.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        await asyncio.sleep(away_s)
        await asyncio.to_thread(self.postgres.start)


class Faults:
    """All faults of a run, each at a moment of its own; one after another, since each waits for its own damage."""

    def __init__(self, wanted: dict[str, int], seconds: float, dice: random.Random) -> None:
        names = [name for name, count in wanted.items() for _ in range(count)]
        dice.shuffle(names)
        times = sorted(dice.uniform(0.03, 0.97) * seconds for _ in names)
        self.plan = list(zip(times, names, strict=True))
        self.done: Counter[str] = Counter()
        self._dice = dice

    async def happen(self, center: ChaosCenter, street: Street, happened: Callable[[str], None]) -> None:
        """Until all of them have."""
        began = time.monotonic()
        for at_s, name in self.plan:
            await asyncio.sleep(max(0.0, began + at_s - time.monotonic()))
            await self._happen(name, center, street)
            self.done[name] += 1
            happened(name)

    async def _happen(self, name: str, center: ChaosCenter, street: Street) -> None:
        if name == KILLED:
            await center.bridge_killed(self._dice.uniform(0, 3))
        elif name == CUT:
            await center.cable.cut()
            await asyncio.sleep(self._dice.uniform(0.05, 6))
            await center.cable.mend()
        elif name == POSTGRES:
            await center.postgres_killed(self._dice.uniform(0, 4))
        else:
            await street.restart(kill=name == CRASHED)


class Agents:
    """Agents who come back from wrapping up, and who take a break: both as wishes, as their page would write them."""

    def __init__(self, center: ChaosCenter, dice: random.Random) -> None:
        self._center = center
        self._dice = dice
        self._back: dict[str, float] = {}
        self.asked: Counter[str] = Counter()

    async def work(self) -> None:
        """Until cancelled; while Postgres is away nobody can wish anything."""
        database = Database(self._center.database_url, pool_size=1, application_name="chaos agents")
        try:
            while True:
                with contextlib.suppress(CrmUnavailable, OSError):
                    await self._once(database)
                await asyncio.sleep(1)
        finally:
            await database.close()

    async def _once(self, database: Database) -> None:
        now = time.monotonic()
        async with database.transaction() as session:
            rows = (await session.execute(text(_STANDING), {"node": self._center.node})).all()
            back = [seat for seat, word in rows if word == "wrapping_up"]
            back += [seat for seat, word in rows if word == "paused" and self._back.pop(seat, now) <= now]
            ready = [seat for seat, word in rows if word == "ready"]
            away = self._dice.sample(ready, 1) if ready and self._dice.random() < 0.5 else []
            for kind, seats in (("unpause", back), ("pause", away)):
                for seat in seats:
                    reason = "Lunch" if kind == "pause" else None
                    await wishes.take_turn(session, self._center.node, seat)
                    await wishes.ask(
                        session,
                        node=self._center.node,
                        seat=seat,
                        kind=kind,
                        asked_by="chaos",
                        expiry_s=10,
                        reason=reason,
                    )
                    self.asked[kind] += 1
                    if kind == "pause":
                        self._back[seat] = now + self._dice.uniform(2, 8)


_STANDING = """
SELECT seat, word FROM posture p WHERE node = :node AND word IN ('ready', 'paused', 'wrapping_up')
   AND (word <> 'wrapping_up' OR since < clock_timestamp() - interval '1.5 seconds')
   AND EXISTS (SELECT FROM membership m WHERE m.node = p.node AND m.seat = p.seat AND m.left_at IS NULL)
"""
