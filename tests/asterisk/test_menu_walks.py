"""The simulator tells the truth, and every leaf can be come to: real calls take the steps of calls on paper.

Twenty callers at a time. A hundred generated key sequences, half of them on a menu that has every kind of step; and
whoever leads to each leaf of the shipped menu in each language, also where we are closed, and where the database goes
away as the order is looked up. On Asterisk 16 (a proof) forty sequences; all with KEFU_TEST_WALKS=100 (`make prove`).
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Iterator

import pytest
from menu_street import Street, Walk, people, street_of
from menu_ways import AWAY, CLOSED, Way, every_leaf, leaf_of
from short_prompts import short_prompts

from agi import shipped
from agi.endings import Goodbye, JoinQueue, Transfer, Voicemail
from agi.menu.tree import Leave, Menu
from agi.rehearsal import SILENCE
from agi.steps import KEYS, SetLanguage
from crm.database import Database
from crm.pbx.sandbox import Sandbox
from crm.tables.visits import Visit

GENERATED = {"22": 100, "16": int(os.environ.get("KEFU_TEST_WALKS", "40"))}
SEED = 20260304
RICH = """\
languages: [zh, en]
defaults:
  wrong_key: {say: wrong-key}
  silence: {say: nothing-heard}
  out_of_tries: {say: to-reception, queue: reception}
  human: {say: to-reception, queue: reception}
  not_found: {say: order-not-found, goto: desk}
  unavailable: {queue: support}
  timeout_s: 1
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
RICH_DIALLED = "95001"
ENDINGS = {JoinQueue: "join_queue", Voicemail: "voicemail", Transfer: "transfer", Goodbye: "goodbye"}


@pytest.fixture(scope="module", params=["22", pytest.param("16", marks=pytest.mark.proof)])
def asterisk(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    prompts = short_prompts(tmp_path_factory.mktemp("short-prompts"))
    with Sandbox(tmp_path_factory.mktemp("walks"), version=request.param, prompts_folder=prompts) as running:
        yield running


@pytest.fixture
async def street(asterisk: Sandbox, database: Database, database_url: str) -> AsyncIterator[Street]:
    async with street_of(asterisk, database, database_url) as opened:
        yield opened


def generated(count: int, favoured: str, seed: int) -> list[Way]:
    """Keys as the dice say, of strangers, customers with an order and customers without one, in turn."""
    dice = random.Random(seed)
    alphabet = KEYS + SILENCE + favoured * 4
    keys = ["".join(dice.choice(alphabet) for _ in range(dice.randint(0, 10))) for _ in range(count)]
    who: list[tuple[str | None, bool]] = [
        (None, False),
        ("zh", True),
        ("zh", False),
        (None, False),
        ("en", True),
        ("en", False),
    ]
    return [Way(pressed, *who[index % len(who)]) for index, pressed in enumerate(keys)]


def quickened(name: str) -> Menu:
    """A shipped menu whose questions wait one second."""
    text = shipped.menu_file(name).read_text("utf-8")
    for seconds in (4, 5):
        text = text.replace(f"timeout_s: {seconds}", "timeout_s: 1")
    return shipped.checked(text, f"{name}.yaml", shipped.known())


def assert_as_on_paper(walker: Walk, visit: Visit) -> tuple[str, str]:
    """The same steps, the same end; answers the leaf and the language."""
    paper = walker.on_paper()
    assert walker.steps == paper.steps, walker.way
    assert visit.ending == ENDINGS[type(paper.ending)], walker.way
    assert visit.pressed == walker.way.keys.replace(SILENCE, "")[: len(visit.pressed)]
    place, language = leaf_of(paper)
    assert [step["place"] for step in visit.steps if step["place"]][-1] == place
    assert visit.language == [step.language for step in paper.steps if isinstance(step, SetLanguage)][-1]
    return place, language


@pytest.mark.timeout(400)
async def test_generated_calls_take_the_steps_of_the_simulator(street: Street) -> None:
    half = GENERATED[street.sandbox.installation.version.partition(".")[0]] // 2
    rich = shipped.checked(RICH, "rich.yaml", shipped.known())
    walkers = await people(street.database, generated(half, "12", SEED), quickened("front_desk"))
    walkers += await people(street.database, generated(half, "1234", SEED + 1), rich, RICH_DIALLED, first=half)
    visits = await street.walk_all(walkers)
    for walker in walkers:
        assert_as_on_paper(walker, visits[walker.id])


async def test_every_leaf_of_the_shipped_menu_is_come_to_in_both_languages(street: Street) -> None:
    menu = quickened("front_desk")
    leaves = {node.id for node in menu.nodes.values() if isinstance(node.act, Leave)}
    ways = every_leaf(menu)
    assert ways.keys() == {(leaf, language) for leaf in leaves for language in ("zh", "en")}
    walkers = await people(street.database, list(ways.values()), menu, first=500)
    visits = await street.walk_all(walkers)
    assert [assert_as_on_paper(walker, visits[walker.id]) for walker in walkers] == list(ways)
    told = {when: [visits[each.id] for each in walkers if each.way.when == when] for when in (CLOSED, AWAY)}
    assert {visit.closed_why for visit in told[CLOSED]} == {"hours", "special_day"}
    assert [visit.last_prompt for visit in told[AWAY]] == ["order-unavailable"] * 2
