"""Callers on a real Asterisk who walk a menu that is listened to: what the flow said to each, and what it wrote.

Each presses its next key when the menu asks for one, as DTMF on its own channel. The prompts are a tenth of a second
long and the menus wait one second, so that a hundred walks take a minute and not an hour. Used by test_menu_walks.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from cable import Cable
from menu_ways import AWAY, CLOSED, DIALLED, OPEN, Way, paper
from sqlalchemy import select

from agi import shipped
from agi.answers import Caller, OrderStatus
from agi.call_socket import CallSocket
from agi.call_thread import await_
from agi.desk import Site
from agi.doors import Doors
from agi.flows.menu import walk
from agi.menu.tree import Menu
from agi.paper_desk import PaperDesk
from agi.rehearsal import SILENCE, Rehearsal, given
from agi.server import AgiServer
from agi.steps import Ask, AskDialled, Flow, LookUpOrder, Step
from agi.visit_notes import VisitNotes
from crm import customers, orders
from crm.database import Database
from crm.hours import ALL, Openings
from crm.pbx.ami_probe import AmiProbe, Message
from crm.pbx.sandbox import Sandbox
from crm.rules.opening_hours import SpecialHours, read_opening_hours
from crm.tables.visits import Visit

TOGETHER = 20
HANDS = 10
WALK_WITHIN_S = 90
ZONE = "Asia/Shanghai"
ROUND_THE_CLOCK = read_opening_hours("mon-sun 00:00-24:00", ZONE)
EXPECTED = datetime(2026, 3, 5, tzinfo=UTC)


def openings(when: str, language: str | None) -> Openings:
    """Open; or closed, for one by the hours of the settings and for the other by a one-off day."""
    if when != CLOSED:
        return Openings(ROUND_THE_CLOCK, {})
    if language == "en":
        return Openings(read_opening_hours("", ZONE), {})
    today = datetime.now(UTC).date()
    shut = SpecialHours((), "stock-taking")
    return Openings(ROUND_THE_CLOCK, {}, {ALL: {today + timedelta(days): shut for days in (-1, 0, 1)}})


class Walk:
    """One caller: who, which keys, on which menu; what the flow said, once it has."""

    def __init__(
        self, number: int, way: Way, menu: Menu, dialled: str, caller: Caller, order: OrderStatus | None
    ) -> None:
        self.id = f"walk-{number}"
        self.number = str(caller.number_e164)
        self.way = way
        self.menu = menu
        self.dialled = dialled
        self.left = list(way.keys)
        self.caller = caller
        self.order = order
        self.steps: list[Step] = []
        self.over = asyncio.Event()

    def on_paper(self) -> Rehearsal:
        """The same caller and keys, simulated."""
        desk = PaperDesk(paper(self.way, self.caller, self.order))
        keys = given(self.way.keys)
        rehearsal = Rehearsal(walk(self.menu), shipped.load_prompts()[0], keys, desk, dialled=self.dialled)
        assert list(rehearsal)
        return rehearsal


class _Server(AgiServer):
    """Ours, and it tells the street that a caller has left the menu."""

    def __init__(self, street: Street, site: Site, database: Database, doors: Doors) -> None:
        super().__init__(site, database, {"front_desk": street.flow}, doors=doors)
        self._street = street

    def _note_end(self, socket: CallSocket, notes: VisitNotes) -> None:
        super()._note_end(socket, notes)
        self._street.by_id[notes.linkedid].over.set()


class Street:
    """Asterisk, our server beside it with a cable to its Postgres, and twenty callers at a time."""

    def __init__(self, sandbox: Sandbox, database: Database, cable: Cable) -> None:
        self.sandbox = sandbox
        self.database = database
        self.cable = cable
        self.by_number: dict[str, Walk] = {}
        self.by_id: dict[str, Walk] = {}
        self.menus: dict[str, Menu] = {}
        self.presses: set[asyncio.Task[None]] = set()
        # Asterisk holds a session up for as long as a key lasts: one session would press too late for twenty callers.
        self.hands: asyncio.Queue[AmiProbe] = asyncio.Queue()
        for _ in range(HANDS):
            self.hands.put_nowait(sandbox.ami(sandbox.actor))
        self.doors = Doors(openings(OPEN, None))
        site = Site("asterisk1", "CN", ROUND_THE_CLOCK, budget_s=5)
        self._desks = Database(cable.url, application_name="kefu-test")
        self.server = _Server(self, site, self._desks, self.doors)

    def flow(self) -> Flow:
        """The flow of the menu that the number dialled belongs to, listened to: each step is noted, and each question
        is answered with a key."""
        dialled: str = yield AskDialled()
        flow = walk(self.menus[dialled])
        walker: Walk | None = None
        said: list[Step] = []
        answer: object = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                return end.value
            said.append(step)
            key = walker.left.pop(0) if isinstance(step, Ask) and walker is not None and walker.left else SILENCE
            if walker is not None and key != SILENCE:
                self.press(walker, key)
            cut = isinstance(step, LookUpOrder) and walker is not None and walker.way.when == AWAY
            if cut:
                await_(self.cable.cut())
            answer = yield step
            if cut:
                await_(self.cable.mend())
            for again in range(3):
                # A busy machine may bring the key after the menu's patience, or lose it: the flow is not told.
                if answer == "" and key != SILENCE and isinstance(step, Ask) and walker is not None:
                    if again:
                        self.press(walker, key)
                    answer = yield Ask((), step.keys, 5.0)
            if isinstance(answer, Caller):
                walker = self.by_number[str(answer.number_e164)]
                walker.steps = said

    def press(self, walker: Walk, key: str) -> None:
        """The caller's own phone sends the key, a moment from now."""
        task = asyncio.get_running_loop().create_task(self.send(walker, key))
        self.presses.add(task)
        task.add_done_callback(self.presses.discard)

    async def send(self, walker: Walk, key: str) -> None:
        await asyncio.sleep(0.15)
        await self.ask({"Action": "PlayDTMF", "Channel": walker.id, "Digit": key, "Duration": "100"})

    async def ask(self, action: Mapping[str, str]) -> None:
        told = await self.try_to(action)
        assert told["Response"] == "Success", told

    async def try_to(self, action: Mapping[str, str]) -> Message:
        hand = await self.hands.get()
        try:
            return await asyncio.to_thread(hand.ask, dict(action))
        finally:
            self.hands.put_nowait(hand)

    async def walk(self, walker: Walk) -> None:
        """One caller, to the end of the menu; then the phone is put down."""
        self.by_number[walker.number] = self.by_id[walker.id] = walker
        self.menus[walker.dialled] = walker.menu
        await self.ask({
            "Action": "Originate",
            "Channel": f"Local/{walker.dialled}@from-trunk/n",
            "ChannelId": walker.id,
            "OtherChannelId": f"{walker.id}-far",
            "CallerID": f"<{walker.number}>",
            "Context": "sandbox-callers",
            "Exten": "caller",
            "Priority": "1",
            "Async": "true",
            "Variable": f"SANDBOX_STAY_S={WALK_WITHIN_S}",
        })  # fmt: skip
        async with asyncio.timeout(WALK_WITHIN_S):
            await walker.over.wait()
        await asyncio.gather(*self.presses)
        await self.try_to({"Action": "Hangup", "Channel": walker.id})  # whom the menu said goodbye to is gone

    async def walk_all(self, walkers: list[Walk]) -> dict[str, Visit]:
        """Twenty at a time while we are open, the others alone; the visits they left, by walk."""
        room = asyncio.Semaphore(TOGETHER)

        async def in_turn(walker: Walk) -> None:
            async with room:
                await self.walk(walker)

        await asyncio.gather(*(in_turn(walker) for walker in walkers if walker.way.when == OPEN))
        for walker in walkers:
            if walker.way.when != OPEN:
                self.doors.openings = openings(walker.way.when, walker.way.language)
                await self.walk(walker)
        self.doors.openings = openings(OPEN, None)
        return await self.visits(walkers)

    async def visits(self, walkers: list[Walk]) -> dict[str, Visit]:
        assert await self.server._book.written(within_s=10) == 0
        async with self.database.reading() as session:
            visits = await session.scalars(select(Visit).where(Visit.linkedid.in_([one.id for one in walkers])))
            return {visit.linkedid: visit for visit in visits}

    async def close(self) -> None:
        await asyncio.to_thread(self.sandbox.cli, "channel request hangup all")
        while not self.hands.empty():
            self.hands.get_nowait().close()
        await self.server.drain(2)
        await self._desks.close()


@asynccontextmanager
async def street_of(sandbox: Sandbox, database: Database, database_url: str) -> AsyncIterator[Street]:
    """Open for the length of the block."""
    async with Cable(database_url) as cable:
        street = Street(sandbox, database, cable)
        await street.server.listen("127.0.0.1", sandbox.agi_port)
        try:
            yield street
        finally:
            await street.close()


async def people(database: Database, ways: list[Way], menu: Menu, dialled: str = DIALLED, first: int = 0) -> list[Walk]:
    """Who walks these ways: strangers, customers with an order, and customers without one."""
    walkers = []
    async with database.transaction() as session:
        for index, way in enumerate(ways, first):
            number = f"+861390000{index:04d}"
            if way.language is None:
                walkers.append(Walk(index, way, menu, dialled, Caller(number), None))
                continue
            li = await customers.create(
                session, code=f"K-{index}", name="李", phones=[number], country="CN", language=way.language
            )
            order = OrderStatus(f"{1000 + index}", "received", date(2026, 3, 5)) if way.has_order else None
            if order is not None:
                await orders.place(
                    session,
                    customer_id=li.id,
                    number=order.number,
                    state=order.state,
                    item="tea",
                    amount=Decimal("88.50"),
                    placed_at=EXPECTED,
                    expected_on=EXPECTED,
                )
            caller = Caller(number, li.id, way.language, tier="ordinary", code=li.code)
            walkers.append(Walk(index, way, menu, dialled, caller, order))
    return walkers
