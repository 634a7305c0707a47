"""Marked YAML → steps as they are written, by the table of words.py: which act, with which values, at which lines.

Called by checking.py for each part and each default; building.py makes nodes of what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from .codes import Code
from .reading import Marked
from .value_reading import Values, keys_of
from .words import ACTS, BY_NAME, DEFAULTS, PLACES, PRELUDES, Act, Kind, Word, options_of

_PRELUDES = {word.name: word for word in PRELUDES}


class Raw(Struct, frozen=True):
    """One step as written. `values`: word → its value; routes are lists of Raw. `act` "" means preludes alone."""

    line: int
    act: str
    values: dict[str, Any]
    lines: dict[str, int]
    skipped: bool = False

    @property
    def prelude(self) -> bool:
        """Whether something is said or noted before the act."""
        return any(word in self.values for word in ("say", "matter", "language", "set"))


Route = list[Raw]
BROKEN = "broken"


class Steps:
    """Reads steps and routes of one file."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.faults = values.faults
        plain = dict.fromkeys((Kind.BOX, Kind.MATTER, Kind.NAME, Kind.EXTENSION, Kind.SEAT), values.plain)
        self._read: dict[Kind, Callable[[Word, Marked], Any]] = {
            **plain,
            Kind.PROMPTS: values.prompts,
            Kind.VARIABLE: values.variable,
            Kind.VARIABLES: values.variables,
            Kind.VALUES: values.values,
            Kind.QUEUE: values.queue,
            Kind.LANGUAGE: values.language,
            Kind.NEW_LANGUAGE: values.language,
            Kind.CHOICE: values.choice,
            Kind.NUMBER: values.number,
            Kind.DIGITS: values.digits,
            Kind.YES: values.yes,
            Kind.CONDITIONS: values.conditions,
            Kind.URL: values.url,
            Kind.ANSWER: values.answer,
            Kind.RUN: values.run,
            Kind.ROUTE: lambda word, marked: self.route(marked, f'"{word.name}"'),
            Kind.KEYS: self._keys,
            Kind.PART: lambda word, marked: self.values.text(marked, word.name),
            Kind.FAREWELL: self._farewell,
        }

    def listed(self, marked: Marked, place: str) -> Route:
        """The steps of a part."""
        if not isinstance(marked.value, list):
            self.faults.add(Code.E_SHAPE, marked.line, word=place, shape='a list of steps, each beginning with "-"')
            return [Raw(marked.line, BROKEN, {}, {})]
        return [self.step(item) for item in marked.value]

    def route(self, marked: Marked, place: str) -> Route:
        """What follows an outcome. Nothing at all is a dead end."""
        if marked.value in ("", [], {}):
            self.faults.add(Code.E_DEAD_END, marked.line, place=place, word=place, words=", ".join(PLACES))
            return [Raw(marked.line, BROKEN, {}, {})]
        items = marked.value if isinstance(marked.value, list) else [marked]
        return [self.step(item) for item in items]

    def step(self, marked: Marked) -> Raw:
        """One step: a word such as `again`, a part's name, or a mapping. BROKEN stands for what cannot be read, so that
        one slip gives one fault."""
        if isinstance(marked.value, str):
            word = marked.value if marked.value in PLACES else "goto"
            return Raw(marked.line, word, {word: marked.value}, {})
        if not isinstance(marked.value, dict):
            self.faults.add(Code.E_SHAPE, marked.line, word="a step", shape="a word with its value, such as {queue: …}")
            return Raw(marked.line, BROKEN, {}, {})
        entries = marked.value
        act = self._act(marked.line, entries)
        if act is None and not entries.keys() & _PRELUDES.keys():
            return Raw(marked.line, BROKEN, {}, {})
        allowed = {**_PRELUDES} if act is None else {act.name: act.word, **options_of(act)}
        found: dict[str, Any] = {}
        named = act.name if act else ""
        for name, value in entries.items():
            if name in allowed:
                found[name] = self.value(allowed[name], value)
            elif name not in BY_NAME:
                place = f'"{act.name}"' if act else "a step"
                words = ", ".join(allowed) if act else ", ".join((*allowed, *BY_NAME))
                self.faults.add(Code.E_WORD, value.line, word=name, place=place, words=words)
                named = named or BROKEN
        skipped = bool(found.pop("skip", False))
        if "whole" in found and "say" not in found and not (named == "end" and found.get("end")):
            why = "what is heard to its end"
            self.faults.add(Code.E_LACKS, entries["whole"].line, place='"whole"', word="say", why=why)
            named = named or BROKEN
        elif not named and not skipped and not found:
            self.faults.add(Code.E_NO_ACT, marked.line, words=", ".join(BY_NAME))
            named = BROKEN
        lines = {name: value.line for name, value in entries.items()}
        return Raw(marked.line, named, found, lines, skipped)

    def value(self, word: Word, marked: Marked) -> Any:
        """What stands behind a word, by its kind."""
        if word.kind is Kind.PROMPTS and marked.value in ("", []):
            self.faults.add(Code.E_SHAPE, marked.line, word=word.name, shape="at least one prompt")
        return self._read[word.kind](word, marked)

    def defaults(self, marked: Marked | None) -> dict[str, Any]:
        """The words at the top of the file that hold in every step."""
        if marked is None:
            return {}
        words = {word.name: word for word in DEFAULTS}
        found = {}
        for name, value in self.values.mapping(marked, "defaults").items():
            if name in words:
                found[name] = self.value(words[name], value)
            else:
                self.faults.add(Code.E_WORD, value.line, word=name, place='"defaults"', words=", ".join(words))
        return found

    def _act(self, line: int, entries: dict[str, Marked]) -> Act | None:
        """The one act among the words. `ask` and `yes` are also options, so an act's own options do not count."""
        there = [act for act in ACTS if act.name in entries]
        for act in there:
            others = [other.name for other in there if other is not act]
            if all(other in options_of(act) for other in others):
                return act
        if len(there) > 1:
            first, second = sorted(there, key=lambda act: list(entries).index(act.name))[:2]
            self.faults.add(Code.E_TWO_ACTS, entries[second.name].line, word=first.name, other=second.name)
            return first
        if not entries.keys() & _PRELUDES.keys():
            unknown = [name for name in entries if name not in BY_NAME]
            if unknown:
                words = ", ".join(BY_NAME)
                self.faults.add(Code.E_WORD, entries[unknown[0]].line, word=unknown[0], place="a step", words=words)
            else:
                self.faults.add(Code.E_NO_ACT, line, words=", ".join(BY_NAME))
        return None

    def _keys(self, word: Word, marked: Marked) -> dict[str, tuple[int, Route | None]]:
        """Key → line and route. `none` takes a key out that every menu has."""
        found: dict[str, tuple[int, Route | None]] = {}
        owner: dict[str, str] = {}
        for name, value in self.values.mapping(marked, word.name, "telephone keys, each with what it does").items():
            keys = keys_of(name)
            if not keys:
                self.faults.add(Code.E_KEY, value.line, word=name)
            route = None if value.value == "none" else self.route(value, f'the key "{name}"')
            for key in keys:
                if key in owner:
                    self.faults.add(Code.E_AMBIGUOUS, value.line, word=key, key=key, other=f'"{owner[key]}"')
                owner.setdefault(key, name)
                found.setdefault(key, (value.line, route))
        if not found and isinstance(marked.value, dict) and not marked.value:
            self.faults.add(Code.E_DEAD_END, marked.line, place='"keys"', word="keys", words="telephone keys")
        return found

    def _farewell(self, word: Word, marked: Marked) -> Any:
        return () if marked.value in ("yes", "true", "", []) else self.values.prompts(word, marked)
