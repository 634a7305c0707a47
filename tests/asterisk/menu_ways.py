"""Every leaf of a menu in every language: who must ring, when, and press what, to come out there; found on paper.

The shortest keys that lead to each, by trying all. Used by test_menu_walks.py, whose callers then walk them on a real
Asterisk. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from typing import NamedTuple
from uuid import UUID

from agi import shipped
from agi.answers import Balance, Caller, OrderStatus
from agi.flows.menu import walk
from agi.menu.tree import Leave, Menu
from agi.paper_desk import Paper, PaperDesk
from agi.rehearsal import SILENCE, Rehearsal
from agi.steps import KEYS, At, SetLanguage

DIALLED = "95000"
OPEN, CLOSED, AWAY = "open", "closed", "away"
MOST_KEYS = 4
A_CUSTOMER = UUID(int=1)
AN_ORDER = OrderStatus("1001", "received", date(2026, 3, 5))
# Which keys are worth trying: of those that mean nothing anywhere in our menus, one.
TRIED = "".join(key for key in (SILENCE, *KEYS) if key not in "3456")


class Way(NamedTuple):
    """`language`: on the caller's record; None for a stranger. `has_order`: the customer has one. `when`: open, closed,
    or with the database away as the order is looked up."""

    keys: str
    language: str | None = None
    has_order: bool = False
    when: str = OPEN


def paper(way: Way, caller: Caller | None = None, order: OrderStatus | None = None) -> Paper:
    """What the company knows of this caller."""
    if caller is None:
        caller = Caller("+8613900000001", A_CUSTOMER if way.language else None, way.language)
        order = AN_ORDER if way.has_order else None
    return Paper(
        caller=caller,
        at=datetime(2026, 3, 4, 10, 0, tzinfo=UTC),
        is_open=way.when != CLOSED,
        order="unavailable" if way.when == AWAY else order or "not_found",
        balance=Balance(Decimal("88.50"), "CNY") if order else "not_found",
    )


def leaf_of(rehearsal: Rehearsal) -> tuple[str, str]:
    """Where a call came out, and in which language."""
    places = [step.place for step in rehearsal.steps if isinstance(step, At)]
    return places[-1], [step.language for step in rehearsal.steps if isinstance(step, SetLanguage)][-1]


def every_leaf(menu: Menu) -> dict[tuple[str, str], Way]:
    """The shortest way to each leaf in each language; leaves that cannot be come to in a language are not there."""
    leaves = {node.id for node in menu.nodes.values() if isinstance(node.act, Leave)}
    wanted = set(product(leaves, menu.languages))
    found: dict[tuple[str, str], Way] = {}
    who = [(None, False), *product(menu.languages, (True, False))]
    beginnings = [Way("", language, has_order, when) for when in (OPEN, CLOSED, AWAY) for language, has_order in who]
    for _length in range(MOST_KEYS + 1):
        longer: list[Way] = []
        for way in beginnings:
            came_to, asked_on = _come_out(menu, way)
            if came_to in wanted and came_to not in found:
                found[came_to] = way
            if asked_on and found.keys() != wanted:
                longer += [way._replace(keys=way.keys + key) for key in TRIED]
        beginnings = longer
    return found


def _come_out(menu: Menu, way: Way) -> tuple[tuple[str, str], bool]:
    """Where this caller comes out who stays silent in the end, and whether another key could have been pressed."""
    left, asked_on = list(way.keys), False

    def press(within_s: float) -> str:
        nonlocal asked_on
        if not within_s:  # something is said: they hear it out
            return ""
        asked_on = asked_on or not left
        key = left.pop(0) if left else SILENCE
        return "" if key == SILENCE else key

    rehearsal = Rehearsal(walk(menu), _TEXTS, press, PaperDesk(paper(way)), dialled=DIALLED)
    _through(iter(rehearsal))
    return leaf_of(rehearsal), asked_on


def _through(lines: Iterator[object]) -> None:
    for _line in lines:
        pass


_TEXTS = shipped.load_prompts()[0]
