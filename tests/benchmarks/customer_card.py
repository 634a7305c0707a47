"""The caller's card among a million customers and twenty million calls: from the request to the last byte of its page.

A real `kefu web`, a process of its own, is asked as agents' browsers ask, over HTTP on connections that stay: the
desk's picture while a random customer rings, then what the card fetches once it is painted (repeat, articles,
timeline). Twenty rings a second, whether those before were answered or not. Then the timeline of the customer with the
most entries, page by page to its end. What the asking itself takes is in the figures.

    python tests/benchmarks/customer_card.py [--scale 1.0] [--contacts 18] [--seconds 20] [--rate 20]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx2
import psycopg
import uvloop
from forged_floor import ForgedFloor
from many_customers import Crowd, arguments, many_customers
from web_caller import HTML, PASSWORD, WebCaller

from crm import agents
from crm.database import Database
from crm.reports.customer_timeline import timeline

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
    """An agent at a seat, before whose eyes a caller rings, and their browser's connection."""

    def __init__(self, port: int, cookies: str, seat: str) -> None:
        self.seat = seat
        self.turn = asyncio.Lock()
        self._port = port
        self._rest = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookies}\r\nHX-Request: true\r\n\r\n"
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body, to the last byte."""
        if self._line is None:
            self._line = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._line
        writer.write(f"GET {path}{self._rest}".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        return int(head.split(b" ", 2)[1]), body.decode()


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
            status, picture = await desk.get("/desk/picture")
            between = time.perf_counter()
            behind, _ = await desk.get(f"/desk/card/{ring.conversation_id}/more?customer={customer}")
            ended = time.perf_counter()
            failed = status != 200 or behind != 200
            assert failed or f"K-{index + 1}" in picture, picture[:300]
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


@contextmanager
def web(url: str) -> Iterator[tuple[int, int]]:
    """A `kefu web` on this database: its port and its process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    said = {"DATABASE_URL": url, "WEB_PORT": str(port), "SECURE_COOKIES": "false"}
    environment = {**os.environ, **{f"KEFU_{name}": value for name, value in said.items()}}
    command = [sys.executable, "-m", "crm.cli", "web"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as served:
        try:
            yield port, served.pid
        finally:
            served.terminate()


async def desks_of(port: int, database: Database) -> list[Desk]:
    """Signed-in agents at seats, once the pages answer."""
    found = []
    async with asyncio.timeout(30), httpx2.AsyncClient() as knocking:
        while True:
            try:
                await knocking.get(f"http://127.0.0.1:{port}/healthz")
                break
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
    for number in range(SEATS):
        login, seat = f"bench{number}", f"PJSIP/9{number:03}"
        async with database.transaction() as session:
            await agents.create(session, login=login, name=login, password=PASSWORD)
        async with WebCaller(base_url=f"http://127.0.0.1:{port}", headers=HTML) as browser:
            assert (await browser.sign_in(login)).status_code == 303
            await browser.sit_at(seat)
            cookies = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
        found.append(Desk(port, cookies, seat))
    return found


def worked_s(pid: int) -> float:
    """Processor time of a process so far."""
    spent = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")


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


async def measure(crowd: Crowd, said: argparse.Namespace, port: int, pid: int) -> bool:
    """Ring, read, print."""
    database = Database(crowd.url, application_name="kefu-bench")
    floor = KeptFloor(crowd.url)
    floor.see()
    with psycopg.connect(crowd.url) as rows:
        ((calls,),) = rows.execute("SELECT reltuples::bigint FROM pg_class WHERE relname = 'conversation'").fetchall()
    desks = await desks_of(port, database)
    warm = Ringing(crowd, floor, desks)
    await warm.ring(min(5.0, said.seconds), said.rate)
    ringing = Ringing(crowd, floor, desks)
    ringing._dice.seed(7)
    before_s = worked_s(pid)
    await ringing.ring(said.seconds, said.rate)
    spent_ms = (worked_s(pid) - before_s) * 1000 / (said.seconds * said.rate)
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
    print(f"processor time of the pages a ring, card and all that comes after: {spent_ms:.1f} ms")
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
    sys.setswitchinterval(0.0005)  # who writes the rings does not hold up who asks
    with many_customers(said.scale, said.contacts, copied=True) as crowd, web(crowd.url) as (port, pid):
        uvloop.run(measure(crowd, said, port, pid))


if __name__ == "__main__":
    main()
