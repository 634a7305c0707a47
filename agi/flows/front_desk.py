"""The front desk: what everyone hears who calls the center's number.

Language, opening hours, then the menu of asterisk-conf/ivr/front_desk.yaml. Played by agi/player.py on a real line
and by `kefu ivr simulate` on a terminal. Pure.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from agi.menu.tree import LanguageMenu, MenuTree
from agi.steps import Ask, AskIfOpen, Caller, FindCaller, Flow, Play, SetLanguage, Step

from .menu import take_ending, walk


def front_desk(tree: MenuTree) -> Flow:
    """One call, from the first prompt to where it goes next."""
    caller: Caller = yield FindCaller()
    language = caller.language or (yield from choose_language(tree.language))
    yield SetLanguage(language)
    if tree.welcome:
        yield Play(tree.welcome)
    is_open: bool = yield AskIfOpen()
    if not is_open:
        return (yield from take_ending(tree.closed))
    return (yield from walk(tree, caller, language))


def choose_language(menu: LanguageMenu) -> Generator[Step, Any, str]:
    """Ask until a language's key is pressed; a caller who presses none hears `otherwise`."""
    yield SetLanguage(menu.otherwise)
    for _ in range(menu.tries):
        key: str = yield Ask(menu.ask, keys="".join(menu.keys), timeout_s=menu.timeout_s)
        if key in menu.keys:
            return menu.keys[key]
    return menu.otherwise
