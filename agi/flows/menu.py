"""Walks a checked menu tree: asks, follows the key, and always ends somewhere.

Used by front_desk.py; a published menu of any other name is walked by the same code. Pure. A caller who keeps
pressing keys that lead in circles is taken to `out_of_tries` after MOST_ROUNDS menus.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from agi.menu.tree import OTHER_LANGUAGE, GoTo, Menu, MenuTree, Route, Tell
from agi.steps import (
    LANGUAGES,
    Ask,
    Caller,
    Ending,
    Flow,
    Goodbye,
    LookUpOrder,
    Missing,
    OrderStatus,
    Play,
    Remember,
    SayOrder,
    SetLanguage,
    Step,
)

MOST_ROUNDS = 12


def walk(tree: MenuTree, caller: Caller, language: str) -> Flow:
    """From the first menu to an ending."""
    return (yield from _Walk(tree, caller, language).run())


def take_ending(route: Route) -> Flow:
    """A route that checking has proved to end: its prompts, then the ending."""
    yield from _say(route)
    if route.then is None or isinstance(route.then, GoTo | Tell):
        raise TypeError(f"{route} does not end")
    return route.then


class _Walk:
    """What one caller's way through the menus has to remember."""

    def __init__(self, tree: MenuTree, caller: Caller, language: str) -> None:
        self.tree = tree
        self.caller = caller
        self.language = language
        self.told = False

    def run(self) -> Flow:
        menu, tries = self.tree.menus[self.tree.start], 0
        for _ in range(MOST_ROUNDS):
            route = yield from _choose(menu)
            if route is menu.wrong_key or route is menu.silence:
                tries += 1
                if tries >= menu.tries and route.then is None:
                    yield from _say(route)
                    break
            then = yield from self.follow(route)
            if isinstance(then, GoTo):
                menu, tries = self.tree.menus[then.menu], 0
            elif isinstance(then, Goodbye):
                return Goodbye(served=self.told)
            elif then is not None:
                return then
        ending = yield from take_ending(menu.out_of_tries)
        return Goodbye(served=self.told) if isinstance(ending, Goodbye) else ending

    def follow(self, route: Route) -> Generator[Step, Any, GoTo | Ending | None]:
        """Say what the route says and do what it does; None asks the same menu again."""
        if route.language:
            yield from self.change_language(route.language)
        yield from _say(route)
        if isinstance(route.then, Tell):
            return (yield from self.follow((yield from self.tell(route.then))))
        return route.then

    def tell(self, tell: Tell) -> Generator[Step, Any, Route]:
        """Read the answer from the caller's own record; what follows depends on how that went."""
        if self.caller.customer_id is None:
            return tell.not_found
        answer: OrderStatus | Missing = yield LookUpOrder(self.caller.customer_id)
        if isinstance(answer, OrderStatus):
            yield SayOrder(answer)
            self.told = True
            return tell.told
        return tell.not_found if answer == "not_found" else tell.unavailable

    def change_language(self, wanted: str) -> Generator[Step, Any, None]:
        if wanted == OTHER_LANGUAGE:
            wanted = LANGUAGES[(LANGUAGES.index(self.language) + 1) % len(LANGUAGES)]
        self.language = wanted
        yield SetLanguage(wanted)


def _choose(menu: Menu) -> Generator[Step, Any, Route]:
    key: str = yield Ask(menu.ask, keys="".join(menu.keys), timeout_s=menu.timeout_s)
    if not key:
        return menu.silence
    return menu.keys.get(key, menu.wrong_key)


def _say(route: Route) -> Generator[Step, Any, None]:
    if route.matter:
        yield Remember(route.matter)
    if route.play:
        yield Play(route.play)
