"""Marked values → a menu tree, or the faults that keep it from being one.

Called by `kefu ivr check`, by the server at its start and by publishing. A tree is only handed out without an E_
fault, so the flow that walks it never meets a missing menu, prompt or ending.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from agi.steps import KEYS, LANGUAGES, Goodbye, JoinQueue, Transfer, Voicemail

from .codes import Code, Fault, Faults
from .reading import Marked, read_marked
from .tree import OTHER_LANGUAGE, GoTo, LanguageMenu, Menu, MenuTree, Prompts, Route, Tell

# As the dialplan filters them: what is written otherwise would arrive as another name.
_SMALL = ("[a-z0-9_]{1,40}", 'small letters, digits and "_" (at most 40)')
_NAMES = {
    "a queue": _SMALL,
    "a matter": _SMALL,
    "a menu": _SMALL,
    "a voicemail box": _SMALL,
    "an extension": ("[0-9]{1,20}", "digits (at most 20)"),
}
_ENDS = ("menu", "queue", "voicemail", "transfer", "goodbye", "tell", "again")
_TELL = ("told", "not_found", "unavailable")
_ROUTE = ("play", "matter", "language", "credit_s", *_ENDS, *_TELL)
_MENU = ("ask", "keys", "wrong_key", "silence", "out_of_tries", "tries", "timeout_s")
_LANGUAGE = ("ask", "keys", "otherwise", "tries", "timeout_s")
_FILE = ("language", "welcome", "closed", "start", "menus")
_AGAIN = Route()


def check_menu(text: str, file: str, prompts: Collection[str]) -> tuple[MenuTree | None, list[Fault]]:
    """The tree of one menu file and its faults, sorted by line. `prompts`: the keys that can be heard."""
    faults = Faults(file)
    root = read_marked(text, faults)
    tree = _Check(faults, prompts).tree(root) if root is not None else None
    return (None if faults.stop else tree), sorted(faults.found)


class _Check:
    """One pass over one file."""

    def __init__(self, faults: Faults, prompts: Collection[str]) -> None:
        self.faults = faults
        self.known_prompts = prompts
        self.menus: dict[str, Marked] = {}
        self.reached: set[str] = set()

    def tree(self, root: Marked) -> MenuTree:
        parts = self.words(root, "the file", _FILE)
        self.menus = self.mapping(parts.get("menus"), "menus")
        for word, why in (
            ("language", "the question for callers whose language is unknown"),
            ("closed", "what callers hear outside opening hours"),
            ("start", "the first menu"),
            ("menus", "the menus themselves"),
        ):
            self.need(parts, word, root.line, "the file", why)
        start = self.text(parts.get("start"), "start")
        if "start" in parts:
            self.menu_named(start, parts["start"].line)
        tree = MenuTree(
            language=self.language_menu(parts.get("language") or Marked(root.line, {})),
            welcome=self.prompts(parts.get("welcome")),
            closed=self.ending(parts.get("closed") or Marked(root.line, {}), '"closed"'),
            start=start,
            menus={name: self.menu(name, marked) for name, marked in self.menus.items()},
        )
        for name, marked in self.menus.items():
            if name not in self.reached:
                self.faults.add(Code.W_UNREACHED, marked.line, word=name)
        return tree

    def language_menu(self, marked: Marked) -> LanguageMenu:
        parts = self.words(marked, "language", _LANGUAGE)
        keys: dict[str, str] = {}
        for key, choice in self.mapping(parts.get("keys"), "keys").items():
            self.key(key, choice.line)
            keys[key] = self.one_language(choice)
        if not keys:
            self.faults.add(Code.E_LACKS, marked.line, place="language", word="keys", why="the languages to choose")
        otherwise = self.one_language(parts["otherwise"]) if "otherwise" in parts else LANGUAGES[0]
        self.need(parts, "otherwise", marked.line, "language", "the language of a caller who presses nothing")
        return LanguageMenu(
            ask=self.spoken(parts.get("ask"), marked.line, "language"),
            keys=keys,
            otherwise=otherwise,
            tries=int(self.number(parts.get("tries"), "tries", 1, 5, 2)),
            timeout_s=self.number(parts.get("timeout_s"), "timeout_s", 1, 30, 5),
        )

    def menu(self, name: str, marked: Marked) -> Menu:
        self.name(name, "a menu", marked.line)
        place = f'menu "{name}"'
        parts = self.words(marked, place, _MENU)
        keys: dict[str, Route] = {}
        for key, choice in self.mapping(parts.get("keys"), "keys").items():
            self.key(key, choice.line)
            keys[key] = self.route(choice, f'key "{key}" of {place}')
        for word, why in (
            ("keys", "what the caller can choose"),
            ("wrong_key", "what follows a key that is not offered"),
            ("silence", "what follows when nothing is pressed"),
            ("out_of_tries", "where a caller goes who never chose"),
        ):
            self.need(parts, word, marked.line, place, why)
        return Menu(
            name=name,
            ask=self.spoken(parts.get("ask"), marked.line, place),
            keys=keys,
            wrong_key=self.route(parts["wrong_key"], f'"wrong_key" of {place}') if "wrong_key" in parts else _AGAIN,
            silence=self.route(parts["silence"], f'"silence" of {place}') if "silence" in parts else _AGAIN,
            out_of_tries=self.ending(parts["out_of_tries"], f'"out_of_tries" of {place}')
            if "out_of_tries" in parts
            else _AGAIN,
            tries=int(self.number(parts.get("tries"), "tries", 1, 5, 3)),
            timeout_s=self.number(parts.get("timeout_s"), "timeout_s", 1, 30, 5),
        )

    def route(self, marked: Marked, place: str) -> Route:
        parts = self.words(marked, place, _ROUTE)
        ends = [word for word in _ENDS if word in parts]
        for other in ends[1:]:
            self.faults.add(Code.E_TWO_ENDS, parts[other].line, word=ends[0], other=other)
        if not ends:
            self.faults.add(Code.E_LACKS, marked.line, place=place, word="|".join(_ENDS), why="say what follows")
        if "matter" in parts:
            self.name(self.text(parts["matter"], "matter"), "a matter", parts["matter"].line)
        play = self.prompts(parts.get("play"))
        return Route(
            play=(*play, *self.prompts(parts["goodbye"])) if "goodbye" in parts else play,
            matter=self.text(parts["matter"], "matter") if "matter" in parts else None,
            language=self.one_language(parts["language"], OTHER_LANGUAGE) if "language" in parts else None,
            then=self.then(ends[0], parts, place) if ends else None,
        )

    def then(self, end: str, parts: dict[str, Marked], place: str) -> Any:
        for word in _TELL if end != "tell" else ():
            if word in parts:
                self.faults.add(Code.E_TWO_ENDS, parts[word].line, word=end, other=word)
        if end == "tell":
            return self.tell(parts, place)
        if end in ("again", "goodbye"):
            return None if end == "again" else Goodbye(served=False)
        name = self.text(parts[end], end)
        if end == "menu":
            self.menu_named(name, parts[end].line)
            return GoTo(name)
        what = {"queue": "a queue", "voicemail": "a voicemail box", "transfer": "an extension"}[end]
        self.name(name, what, parts[end].line)
        if end == "queue":
            return JoinQueue(name, credit_s=int(self.number(parts.get("credit_s"), "credit_s", 0, 3600, 0)))
        return Voicemail(name) if end == "voicemail" else Transfer(name)

    def tell(self, parts: dict[str, Marked], place: str) -> Tell:
        if self.text(parts["tell"], "tell") != "order_status":
            self.faults.add(
                Code.E_WORD, parts["tell"].line, word=self.text(parts["tell"], "tell"), words="order_status"
            )
        ways = {}
        for word, why in (
            ("told", "what follows the answer"),
            ("not_found", "what follows when the caller has none"),
            ("unavailable", "what follows when it cannot be read now"),
        ):
            self.need(parts, word, parts["tell"].line, place, why)
            ways[word] = self.route(parts[word], f'"{word}" of {place}') if word in parts else _AGAIN
        return Tell(subject="order_status", **ways)

    def ending(self, marked: Marked, place: str) -> Route:
        """A route that leaves the menus: without this the last try could go round for ever."""
        route = self.route(marked, place)
        if not isinstance(route.then, JoinQueue | Voicemail | Transfer | Goodbye):
            self.faults.add(Code.E_NO_END, marked.line, place=place)
        return route

    # Small words ------------------------------------------------------------------------------------------------

    def mapping(self, marked: Marked | None, word: str) -> dict[str, Marked]:
        if marked is None or isinstance(marked.value, dict):
            return marked.value if marked is not None and isinstance(marked.value, dict) else {}
        self.faults.add(Code.E_SHAPE, marked.line, word=word, shape="a list of names, each with what it means")
        return {}

    def words(self, marked: Marked, place: str, allowed: tuple[str, ...]) -> dict[str, Marked]:
        parts = self.mapping(marked, place)
        for word, value in parts.items():
            if word not in allowed:
                self.faults.add(Code.E_WORD, value.line, word=word, words=", ".join(allowed))
        return parts

    def text(self, marked: Marked | None, word: str) -> str:
        if marked is None or isinstance(marked.value, str):
            return marked.value if marked is not None and isinstance(marked.value, str) else ""
        self.faults.add(Code.E_SHAPE, marked.line, word=word, shape="one word")
        return ""

    def prompts(self, marked: Marked | None) -> Prompts:
        """One prompt or a list of them; `[]` and an empty value say nothing."""
        if marked is None or marked.value == "":
            return ()
        if isinstance(marked.value, dict):
            self.faults.add(Code.E_SHAPE, marked.line, word="prompts", shape="a prompt or a list of prompts")
            return ()
        items = marked.value if isinstance(marked.value, list) else [marked]
        names = tuple((self.text(item, "prompt"), item.line) for item in items)
        for name, line in names:
            if name not in self.known_prompts:
                self.faults.add(Code.E_PROMPT, line, word=name)
        return tuple(name for name, _line in names)

    def spoken(self, marked: Marked | None, line: int, place: str) -> Prompts:
        names = self.prompts(marked)
        if not names:
            self.faults.add(Code.E_EMPTY, line, place=f"{place}: ask")
        return names

    def number(self, marked: Marked | None, word: str, least: int, most: int, otherwise: float) -> float:
        if marked is None:
            return otherwise
        try:
            value = float(self.text(marked, word))
        except ValueError:
            value = float("nan")
        if not least <= value <= most or (not word.endswith("timeout_s") and value != int(value)):
            self.faults.add(Code.E_NUMBER, marked.line, word=word, least=least, most=most)
            return otherwise
        return value

    def one_language(self, marked: Marked, *more: str) -> str:
        name = self.text(marked, "language")
        if name not in (*LANGUAGES, *more):
            self.faults.add(Code.E_LANGUAGE, marked.line, word=name, words=", ".join((*LANGUAGES, *more)))
            return LANGUAGES[0]
        return name

    def name(self, name: str, what: str, line: int) -> None:
        """Names reach the dialplan as variables: nothing that Asterisk would evaluate may stand in them."""
        pattern, shape = _NAMES[what]
        if not re.fullmatch(pattern, name):
            self.faults.add(Code.E_NAME, line, word=name, what=what, shape=shape)

    def key(self, key: str, line: int) -> None:
        if len(key) != 1 or key not in KEYS:
            self.faults.add(Code.E_KEY, line, word=key)

    def menu_named(self, name: str, line: int) -> None:
        self.reached.add(name)
        if name not in self.menus:
            self.faults.add(Code.E_MENU, line, word=name, words=", ".join(self.menus) or "none yet")

    def need(self, parts: dict[str, Marked], word: str, line: int, place: str, why: str) -> None:
        if word not in parts:
            self.faults.add(Code.E_LACKS, line, place=place, word=word, why=why)
