"""The simulator tells the truth: for generated keys, a call on paper and a call on a real Asterisk take the same steps.

Twenty callers at a time. Each presses its next key when the menu asks for one, as DTMF on its own channel; the prompts
are a tenth of a second long and the menus wait two seconds, so that a hundred walks take minutes and not an hour.
"""

from __future__ import annotations

import asyncio
import random
import wave
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from agi import shipped
from agi.answers import Balance, Caller, OrderStatus
from agi.desk import Site
from agi.endings import Goodbye, JoinQueue, Transfer, Voicemail
from agi.flows.menu import walk
from agi.menu.tree import Leave, Menu
from agi.paper_desk import Paper, PaperDesk
from agi.rehearsal import SILENCE, Rehearsal, given
from agi.server import AgiServer
from agi.steps import KEYS, Ask, At, Flow, SetLanguage, Step
from crm import customers, orders
from crm.database import Database
from crm.pbx.ami_probe import AmiProbe
from crm.pbx.sandbox import Sandbox
from crm.rules.opening_hours import read_opening_hours
from crm.tables.customers import Customer
from crm.tables.visits import Visit

TOGETHER = 50
HANDS = 10
SEED = 20260304
SITE = Site("asterisk1", "CN", read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai"), budget_s=5)
EXPECTED = datetime(2026, 3, 5, tzinfo=UTC)
RICH = """\
languages: [zh, en]
defaults:
  wrong_key: {say: wrong-key}
  silence: {say: nothing-heard}
  out_of_tries: {say: to-reception, queue: reception}
  human: {say: to-reception, queue: reception}
  not_found: {say: order-not-found, goto: desk}
  unavailable: {queue: support}
  timeout_s: 2
  tries: 2
start: main
parts:
  main:
    - set: {floor: "3"}
    - when: {language: unknown, dialled: "95*"}
      then: {language: en, say: welcome}
    - menu: [menu-order-status, menu-support]
      keys:
        "1": number
        "2": {matter: support, goto: desk}
        "3": {language: other, again: yes}
        "4-6":
          - when: {known: no}
            then: {say: order-not-found, back: yes}
          - lookup: balance
          - say: [{tell: balance}]
        "7": {voicemail: reception}
        "8": {transfer: 1003}
    - end: [goodbye]
  number:
    - collect: [order-number]
      into: wanted
      digits: 3-5
      read_back: [order-number]
      confirm: [menu-hear-again]
    - lookup: order
      by: wanted
      whose: anyone
    - say: [{tell: order}, {date: order_expected_on}]
    - back
  desk:
    - ask: [menu-or-hang-up]
      yes: {queue: support}
      no: next
    - when: {is: {floor: "3"}}
      then: end
      else: {queue: reception}
"""


@pytest.fixture(scope="module")
def short_prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every prompt as a tenth of a second of quiet."""
    folder = tmp_path_factory.mktemp("short-prompts")
    for language in ("en", "zh"):
        (folder / language).mkdir()
        for key in shipped.load_prompts()[0]:
            with wave.open(str(folder / language / f"{key}.wav"), "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(8000)
                sound.writeframes(b"\x00\x00" * 800)
    return folder


@pytest.fixture(scope="module", params=["22", "16"])
def asterisk(
    tmp_path_factory: pytest.TempPathFactory, short_prompts: Path, request: pytest.FixtureRequest
) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("walks"), version=request.param, prompts_folder=short_prompts) as running:
        yield running


class Walk:
    """One caller on a real line: what the flow said, and the keys still to be pressed."""

    def __init__(self, number: int, keys: str, caller: Caller, order: OrderStatus | None) -> None:
        self.id = f"walk-{number}"
        self.number = caller.number_e164 or f"+861390{number:07d}"
        self.keys = keys
        self.left = list(keys)
        self.caller = caller
        self.order = order
        self.steps: list[Step] = []

    def on_paper(self, menu: Menu) -> Rehearsal:
        """The same caller and keys, simulated."""
        paper = Paper(
            caller=self.caller,
            at=datetime(2026, 3, 4, 10, 0, tzinfo=UTC),
            order=self.order or "not_found",
            balance=Balance(Decimal("88.50"), "CNY") if self.order else "not_found",
        )
        rehearsal = Rehearsal(
            walk(menu), shipped.load_prompts()[0], given(self.keys), PaperDesk(paper), dialled="95000"
        )
        assert list(rehearsal)
        return rehearsal


class Street:
    """Asterisk, our server beside it, and twenty callers at a time."""

    def __init__(self, sandbox: Sandbox, database: Database) -> None:
        self.sandbox = sandbox
        self.database = database
        self.menu = shipped.load_menu("front_desk")
        self.by_number: dict[str, Walk] = {}
        self.presses: set[asyncio.Task[None]] = set()
        # Asterisk holds a session up for as long as a key lasts: one session would press too late for twenty callers.
        self.hands: asyncio.Queue[AmiProbe] = asyncio.Queue()
        for _ in range(HANDS):
            self.hands.put_nowait(sandbox.ami(sandbox.actor))
        self.server = AgiServer(SITE, database, {"front_desk": self.flow})

    def flow(self) -> Flow:
        """The menu's own flow, listened to: each step is noted, and each question is answered with a key."""
        flow = walk(self.menu)
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
            answer = yield step
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

    async def ask(self, action: dict[str, str]) -> None:
        hand = await self.hands.get()
        try:
            told = await asyncio.to_thread(hand.ask, action)
        finally:
            self.hands.put_nowait(hand)
        assert told["Response"] == "Success", told

    async def ring_in(self, walker: Walk) -> None:
        self.by_number[walker.number] = walker
        await self.ask({
            "Action": "Originate",
            "Channel": "Local/95000@from-trunk/n",
            "ChannelId": walker.id,
            "OtherChannelId": f"{walker.id}-far",
            "CallerID": f"<{walker.number}>",
            "Context": "sandbox-callers",
            "Exten": "caller",
            "Priority": "1",
            "Async": "true",
            "Variable": "SANDBOX_STAY_S=120",
        })  # fmt: skip

    async def walk_together(self, walkers: list[Walk]) -> dict[str, Visit]:
        """All of them at once, to the end of their menus; the visits they left, by number."""
        before = self.server.served
        for walker in walkers:
            await self.ring_in(walker)
        async with asyncio.timeout(90):
            while self.server.served < before + len(walkers):  # noqa: ASYNC110 - calls end by themselves
                await asyncio.sleep(0.05)
        await asyncio.gather(*self.presses)
        self.sandbox.cli("channel request hangup all")
        assert await self.server._book.written(within_s=10) == 0
        async with self.database.reading() as session:
            visits = await session.scalars(select(Visit).where(Visit.linkedid.in_([one.id for one in walkers])))
            return {visit.linkedid: visit for visit in visits}

    async def close(self) -> None:
        while not self.hands.empty():
            self.hands.get_nowait().close()
        await self.server.drain(2)


@pytest.fixture
async def street(asterisk: Sandbox, database: Database) -> AsyncIterator[Street]:
    opened = Street(asterisk, database)
    await opened.server.listen("127.0.0.1", asterisk.agi_port)
    yield opened
    await opened.close()


async def people(database: Database, keys: list[str]) -> list[Walk]:
    """Strangers, customers with an order and customers without one, in turn."""
    walkers = []
    async with database.transaction() as session:
        for index, pressed in enumerate(keys):
            number, kind = f"+861390000{index:04d}", index % 3
            if kind == 0:
                walkers.append(Walk(index, pressed, Caller(number), None))
                continue
            language = ("zh", "en")[index // 3 % 2]
            li: Customer = await customers.create(
                session, code=f"K-{index}", name="李", phones=[number], country="CN", language=language
            )
            order = OrderStatus(f"{1000 + index}", "received", date(2026, 3, 5)) if kind == 1 else None
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
            caller = Caller(number, li.id, language, tier="ordinary", code=li.code)
            walkers.append(Walk(index, pressed, caller, order))
    return walkers


def generated(count: int, favoured: str, seed: int) -> list[str]:
    dice = random.Random(seed)
    alphabet = KEYS + SILENCE + favoured * 4
    return ["".join(dice.choice(alphabet) for _ in range(dice.randint(0, 10))) for _ in range(count)]


ENDINGS = {JoinQueue: "join_queue", Voicemail: "voicemail", Transfer: "transfer", Goodbye: "goodbye"}


def assert_as_on_paper(walker: Walk, visit: Visit, menu: Menu) -> Rehearsal:
    paper = walker.on_paper(menu)
    assert walker.steps == paper.steps, walker.keys
    assert visit.ending == ENDINGS[type(paper.ending)]
    assert visit.pressed == walker.keys.replace(SILENCE, "")[: len(visit.pressed)]
    places = [step.place for step in paper.steps if isinstance(step, At)]
    assert [step["place"] for step in visit.steps if step["place"]][-1] == places[-1]
    assert visit.language == [step.language for step in paper.steps if isinstance(step, SetLanguage)][-1]
    return paper


def quickened(menu_text: str) -> str:
    return menu_text.replace("timeout_s: 5", "timeout_s: 2").replace("timeout_s: 4", "timeout_s: 2")


@pytest.mark.timeout(400)
async def test_a_hundred_generated_calls_take_the_steps_of_the_simulator(street: Street) -> None:
    text = quickened(shipped.menu_file("front_desk").read_text("utf-8"))
    front_desk = shipped.checked(text, "front_desk.yaml", shipped.known())
    rich = shipped.checked(RICH, "rich.yaml", shipped.known())
    # Every leaf of the shipped menu has a walk of its own; the others are what the dice say.
    # (In turn: a stranger, a customer with an order, a customer without one.)
    leaves = ["12", "1", "20", "2", "112", "1*2", "77-", "10", "#", "9#", "1#", "0", "1--", "177", "92", "-2-2"]
    keys = [*leaves, *generated(TOGETHER - len(leaves), "12", SEED)]
    walkers = await people(street.database, [*keys, *generated(TOGETHER, "1234", SEED + 1)])
    reached: set[str] = set()
    for first in range(0, len(walkers), TOGETHER):
        street.menu = front_desk if first < TOGETHER else rich
        together = walkers[first : first + TOGETHER]
        visits = await street.walk_together(together)
        for walker in together:
            paper = assert_as_on_paper(walker, visits[walker.id], street.menu)
            reached |= {f"{street.menu.name} {step.place}" for step in paper.steps if isinstance(step, At)}
    wanted = {f"front_desk {node.id}" for node in front_desk.nodes.values() if isinstance(node.act, Leave)}
    shut_or_away = {"front_desk greeting/3/then/1", "front_desk order_status/1/unavailable/1"}
    assert wanted - reached == shut_or_away
