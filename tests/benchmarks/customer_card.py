"""The caller's card among a million customers and twenty million calls: from the request to the last byte of its page.

The real application is asked as an agent's browser asks: the desk's picture while a random customer rings, then what
the card fetches once it is painted (repeat, articles, timeline). Twenty rings a second, whether those before were
answered or not. Then the timeline of the customer with the most entries, page by page to its end.

    python tests/benchmarks/customer_card.py [--scale 1.0] [--contacts 18] [--seconds 20] [--rate 20]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg
import uvloop
from forged_floor import ForgedFloor
from many_customers import Crowd, arguments, many_customers
from web_caller import PASSWORD, WebCaller, calling

from crm import agents
from crm.database import Database
from crm.reports.customer_timeline import timeline
from crm.settings import Settings
from crm.web.app import create_app

TARGET_MS = 30.0
SEATS = 40


class KeptFloor(ForgedFloor):
    """A bridge's hand that does not knock anew for every row: as the bridge itself."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._kept = psycopg.connect(url)
        self._turn = threading.Lock()

    def do(self, *statements: tuple[str, dict[str, Any]], seats: tuple[str, ...] = ()) -> None:
        """One transaction, without a hint: nobody listens here."""
        with self._turn, self._kept.transaction():
            for sql, values in statements:
                self._kept.execute(sql, {"node": self.node, **values})

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """What is in the database now."""
        with self._turn, self._kept.transaction():
            return self._kept.execute(sql, {"node": self.node, **values}).fetchall()


class Desk:
    """An agent at a seat, before whose eyes a caller rings."""

    def __init__(self, browser: WebCaller, seat: str) -> None:
        self.browser = browser
        self.seat = seat
        self.turn = asyncio.Lock()


class Ringing:
    """Random customers who ring, and how long their cards took."""

    def __init__(self, crowd: Crowd, floor: ForgedFloor, desks: list[Desk]) -> None:
        self._crowd = crowd
        self._floor = floor
        self._desks = desks
        self._dice = random.Random(20260304)
        self.cards: list[float] = []
        self.more: list[float] = []
        self.failed = 0

    async def one(self, number: int) -> None:
        """A ring at the next desk: the picture, then what is behind it."""
        desk = self._desks[number % len(self._desks)]
        index = self._dice.randrange(self._crowd.customers)
        caller = self._crowd.number(3 * index)
        customer = await asyncio.to_thread(self._id_of, index + 1)
        async with desk.turn:
            facts = {"number_e164": caller, "customer_id": customer, "matter": "order"}
            ring = await asyncio.to_thread(
                self._floor.ring, desk.seat, caller=caller, linkedid=str(uuid4()), facts=facts
            )
            began = time.perf_counter()
            picture = await desk.browser.get("/desk/picture")
            between = time.perf_counter()
            behind = await desk.browser.get(f"/desk/card/{ring.conversation_id}/more?customer={customer}")
            ended = time.perf_counter()
            failed = picture.status_code != 200 or behind.status_code != 200
            assert failed or f"K-{index + 1}" in picture.text, picture.text[:300]
            over = "UPDATE pop SET taken_at = now() WHERE id = %(id)s"
            await asyncio.to_thread(self._floor.do, (over, {"id": ring.pop_id}))
        if failed:  # the machine cannot follow: no figure, and no promise kept
            self.failed += 1
            return
        self.cards.append((between - began) * 1000)
        self.more.append((ended - between) * 1000)

    async def ring(self, seconds: float, rate: float) -> None:
        """`rate` a second."""
        began, tasks = time.perf_counter(), []
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(self.one(number)))
        await asyncio.gather(*tasks)

    def _id_of(self, number: int) -> UUID:
        ((found,),) = self._floor.rows("SELECT md5('customer' || %(n)s)::uuid", n=str(number))
        return UUID(str(found))


async def desks_of(app: object, database: Database, floor: ForgedFloor, stack: list[object]) -> list[Desk]:
    """Signed-in agents at seats."""
    found = []
    for number in range(SEATS):
        login = f"bench{number}"
        async with database.transaction() as session:
            await agents.create(session, login=login, name=login, password=PASSWORD)
        context = calling(app, running=False)  # type: ignore[arg-type]
        browser = await context.__aenter__()
        stack.append(context)
        assert (await browser.sign_in(login)).status_code == 303
        await browser.sit_at(f"PJSIP/9{number:03}")
        found.append(Desk(browser, f"PJSIP/9{number:03}"))
    return found


async def deep(database: Database, floor: ForgedFloor) -> tuple[int, list[float]]:
    """All pages of the customer who called most: entries, and milliseconds of each page."""
    ((number,),) = floor.rows("SELECT id FROM customer WHERE code = 'K-1'")  # who calls most, as the crowd is made
    entries, took, cursor = 0, [], None
    async with database.reading() as session:
        while True:
            began = time.perf_counter()
            page = await timeline(session, UUID(str(number)), cursor=cursor)
            took.append((time.perf_counter() - began) * 1000)
            entries += len(page.entries)
            cursor = page.next
            if cursor is None or len(took) >= 1000:
                return entries, took


async def measure(crowd: Crowd, said: argparse.Namespace) -> bool:
    """Ring, read, print."""
    settings = Settings(database_url=crowd.url)
    database = Database(crowd.url, application_name="kefu-bench")
    floor = KeptFloor(crowd.url)
    floor.see()
    with psycopg.connect(crowd.url) as rows:
        ((calls,),) = rows.execute("SELECT reltuples::bigint FROM pg_class WHERE relname = 'conversation'").fetchall()
    stack: list[object] = []
    desks = await desks_of(create_app(settings, database), database, floor, stack)
    warm = Ringing(crowd, floor, desks)
    await warm.ring(min(5.0, said.seconds), said.rate)
    ringing = Ringing(crowd, floor, desks)
    ringing._dice.seed(7)
    await ringing.ring(said.seconds, said.rate)
    entries, took = await deep(database, floor)
    print(f"{crowd.customers} customers, {calls} calls; {said.rate:g} rings a second; milliseconds")
    print(f"{'':34}{'p50':>8}{'p95':>8}{'p99':>8}{'most':>8}{'asked':>8}")
    figures = {
        "the card": ringing.cards,
        "what it fetches after": ringing.more,
        f"a page of {entries} entries": took,
    }
    for what, found in figures.items():
        at = sorted(found)
        shares = [at[int(share * (len(at) - 1))] for share in (0.5, 0.95, 0.99, 1.0)]
        print(f"{what:34}{''.join(f'{each:8.1f}' for each in shares)}{len(at):8}")
    for context in stack:
        await context.__aexit__(None, None, None)  # type: ignore[attr-defined]
    await database.close()
    p99 = sorted(ringing.cards)[int(0.99 * (len(ringing.cards) - 1))]
    kept = p99 <= TARGET_MS and not ringing.failed
    failed = f", {ringing.failed} answers failed" if ringing.failed else ""
    print(f"the card: p99 {p99:.1f} ms of at most {TARGET_MS:g}{failed}: {'kept' if kept else 'NOT KEPT'}")
    return kept


def main() -> None:
    """Measure on a copy of the crowd."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(asked)
    asked.add_argument("--seconds", type=float, default=20.0)
    asked.add_argument("--rate", type=float, default=20.0)
    said = asked.parse_args()
    with many_customers(said.scale, said.contacts, copied=True) as crowd:
        uvloop.run(measure(crowd, said))


if __name__ == "__main__":
    main()
