"""Who calls? Among a million customers with three million numbers: how long a caller waits for the menu to know.

The way is the IVR's own: a call's greenlet, `CrmDesk.find_caller` with its time limit, the block list, the customers
who own the number. Numbers come at random from all there are; one in ten belongs to nobody, one in a hundred to
several. Once 50 a second, as calls come in; once as fast as one caller after the other, and eight at a time, can be
answered. Then how long they wait, one after the other, to be sent into a queue: tier, cases, who talked with them last,
the floor. The yardstick is the smallest question there is, in a transaction.

    python tests/benchmarks/customer_lookup.py [--scale 1.0] [--seconds 20] [--rate 50]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import uvloop
from many_customers import Crowd, arguments, many_customers
from sqlalchemy import text

from agi.answers import Caller
from agi.call_thread import CallThread
from agi.desk import CrmDesk, Site
from agi.endings import JoinQueue
from agi.patience import Patience
from agi.visit_book import VisitBook
from agi.visit_notes import VisitNotes
from crm.database import Database
from crm.rules.opening_hours import read_opening_hours

TARGET_MS = 5.0
AT_ONCE = 8
WARM_UP = 2000
SENT_ON = "sent into a queue"


class Callers:
    """People who ring in, and how long each waited for the answer."""

    def __init__(self, database: Database, crowd: Crowd, seed: int) -> None:
        hours = read_opening_hours("mon-sun 00:00-24:00", "UTC")
        self._site = Site("bench", "CN", hours, budget_s=0.8)
        self._database = database
        self._book = VisitBook(database)
        self._patience = Patience()
        self._crowd = crowd
        self._dice = random.Random(seed)
        self.known = 0

    async def one(self, sent_on: bool = False) -> float:
        """Milliseconds from the question to its answer. `sent_on`: of the question after it, which queue and how."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[tuple[Caller, float]] = loop.create_future()
        stranger = self._dice.random() < 0.1
        index = self._dice.randrange(3 * self._crowd.customers)
        number = f"+8617{index:09}" if stranger else self._crowd.number(index)
        # No answer may come from memory.
        desk = CrmDesk(self._site, self._database, self._book, number, patience=Patience())
        began_at = [time.perf_counter()]

        def call() -> None:
            try:
                caller = desk.find_caller()
                if sent_on:
                    notes = VisitNotes(node="bench", linkedid="1.1", uniqueid="1.1", flow="bench")
                    notes.number_e164, notes.customer_id = caller.number_e164, caller.customer_id
                    moment = time.perf_counter()
                    desk.route(JoinQueue("support", last_agent_s=20), notes)
                    began_at[0] = moment
                answered.set_result((caller, time.perf_counter() - began_at[0]))
            except BaseException as fault:  # noqa: BLE001 - handed on
                answered.set_exception(fault)

        CallThread(call).switch()
        caller, took_s = await answered
        self.known += caller.customer_id is not None
        return took_s * 1000

    async def in_turn(self, seconds: float, at_once: int, *, sent_on: bool = False) -> list[float]:
        """Each caller comes when another was answered."""
        until = time.perf_counter() + seconds
        found: list[float] = []

        async def turn() -> None:
            while time.perf_counter() < until:
                found.append(await self.one(sent_on))

        await asyncio.gather(*(turn() for _ in range(at_once)))
        return found

    async def as_they_come(self, seconds: float, rate: float) -> list[float]:
        """`rate` a second, whether those before them were answered or not."""
        began = time.perf_counter()
        asked = []
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            asked.append(asyncio.create_task(self.one()))
        return list(await asyncio.gather(*asked))


async def smallest(database: Database, times: int) -> list[float]:
    """A question that Postgres need not think about, in a transaction like the desk's."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        async with database.reading() as session:
            await session.execute(text("SELECT 1"))
        found.append((time.perf_counter() - began) * 1000)
    return found


async def measure(crowd: Crowd, said: argparse.Namespace) -> None:
    database = Database(crowd.url, application_name="kefu-bench")
    callers = Callers(database, crowd, seed=20260304)
    for _ in range(WARM_UP // AT_ONCE):
        await asyncio.gather(*(callers.one() for _ in range(AT_ONCE)))
    callers.known = 0
    comes = f"{said.rate:g} a second"
    figures = {
        "the smallest question": await smallest(database, 1000),
        comes: await callers.as_they_come(said.seconds, said.rate),
        "one after the other": await callers.in_turn(said.seconds / 2, 1),
        f"{AT_ONCE} at a time": await callers.in_turn(said.seconds / 2, AT_ONCE),
        SENT_ON: await callers.in_turn(said.seconds / 2, 1, sent_on=True),
    }
    await database.close()
    asked = sum(map(len, figures.values())) - len(figures["the smallest question"])
    print(f"{crowd.customers} customers, {3 * crowd.customers} numbers; {asked} asked, {callers.known} known; in ms")
    print(f"{'':24}{'asked/s':>9}{'p50':>8}{'p99':>8}{'worst':>8}")
    for what, found in figures.items():
        found.sort()
        p50, p99 = (found[int(len(found) * share)] for share in (0.5, 0.99))
        rate = f"{said.rate:.0f}" if what == comes else f"{len(found) * 1000 / sum(found) * _at_once(what):.0f}"
        print(f"{what:24}{rate:>9}{p50:8.2f}{p99:8.2f}{found[-1]:8.1f}")
    p99 = figures[comes][int(len(figures[comes]) * 0.99)]
    print(f"at {comes}: p99 {p99:.2f} ms of at most {TARGET_MS:g}: {'kept' if p99 <= TARGET_MS else 'NOT KEPT'}")


def _at_once(what: str) -> int:
    return AT_ONCE if what.startswith(str(AT_ONCE)) else 1


def main() -> None:
    """Ask, and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(asked)
    asked.add_argument("--seconds", type=float, default=20.0)
    asked.add_argument("--rate", type=float, default=50.0)
    said = asked.parse_args()
    with many_customers(said.scale, said.contacts) as crowd:
        uvloop.run(measure(crowd, said))


if __name__ == "__main__":
    main()
