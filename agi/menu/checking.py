"""The text of a menu file → a menu that can be walked, or the faults that keep it from being one.

Called by `kefu ivr check`, by publishing, and by the server before it takes up a menu. A menu is only handed out
without an E_ fault, so the flow that walks it never meets a missing part, prompt or ending.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from agi.steps import LANGUAGES

from .building import Builder, TooMany
from .calendars import Calendar, read_span
from .codes import Code, Fault, Faults
from .known import Known
from .reading import Marked, read_marked
from .step_reading import Route, Steps
from .tree import Menu
from .value_reading import Values
from .ways import check_ways
from .words import FILE, PLACES, SETS


def check_menu(text: str, file: str, known: Known | Mapping[str, Collection[str]]) -> tuple[Menu | None, list[Fault]]:
    """The menu of one file and its faults, by line. `known`: what exists outside it, or only the prompts."""
    faults = Faults(file)
    root = read_marked(text, faults)
    menu = None
    if root is not None:
        checked = _Check(faults, known if isinstance(known, Known) else Known(known))
        menu = checked.menu(root, file.rpartition("/")[2].partition(".")[0], hashlib.sha256(text.encode()).hexdigest())
    return (None if faults.stop else menu), sorted(faults.found)


class _Check:
    """One pass over one file."""

    def __init__(self, faults: Faults, known: Known) -> None:
        self.faults = faults
        self.values = Values(faults, known)
        self.steps = Steps(self.values)
        self.parts_read = False

    def menu(self, root: Marked, name: str, sha256: str) -> Menu | None:
        entries = self.values.mapping(root, "the file")
        words = ", ".join(word.name for word in FILE)
        for written, value in entries.items():
            if written not in {word.name for word in FILE}:
                self.faults.add(Code.E_WORD, value.line, word=written, place="a menu file", words=words)
        for word in FILE:
            if word.needed and word.name not in entries and isinstance(root.value, dict):
                self.faults.add(Code.E_LACKS, root.line, place="the file", word=word.name, why=word.means)
        self.values.languages = self._languages(entries.get("languages"))
        calendars = self._calendars(entries.get("calendars"))
        defaults = self.steps.defaults(entries.get("defaults"))
        parts, lines = self._parts(entries.get("parts"))
        for steps in [*parts.values(), *(value for value in defaults.values() if isinstance(value, list))]:
            self._variables_set(steps)
        self._variables_used()
        builder = Builder(self.faults, defaults, lines)
        try:
            for part, steps in parts.items():
                builder.part(part, lines[part], steps)
        except TooMany:
            return None
        nodes = builder.finish()
        start = self._start(entries.get("start"), lines)
        if not self.faults.stop:
            check_ways(nodes, builder.begins, builder.begins[start], lines, self.faults)
        for calendar in calendars.keys() - self.values.calendars_used:
            line = self.values.mapping(entries["calendars"], "calendars")[calendar].line
            self.faults.add(Code.W_UNUSED_CALENDAR, line, word=calendar)
        if self.faults.stop:
            return None
        begins = builder.begins
        return Menu(name, self.values.languages, begins[start], nodes, begins, calendars, sha256)

    def _start(self, marked: Marked | None, lines: Mapping[str, int]) -> str:
        start = self.values.text(marked, "start") if marked is not None else ""
        if marked is not None and start not in lines and isinstance(marked.value, str) and self.parts_read:
            self.faults.add(Code.E_PART, marked.line, word=start, words=", ".join(lines) or "none yet")
        return start

    def _languages(self, marked: Marked | None) -> tuple[str, ...]:
        if marked is None:
            return LANGUAGES
        found: list[str] = []
        for item in self.values.listed(marked):
            language = self.values.text(item, "languages", "a list of languages")
            if language not in LANGUAGES:
                self.faults.add(Code.E_LANGUAGE, item.line, word=language, words=", ".join(LANGUAGES))
            elif language in found:
                self.faults.add(Code.E_TWICE, item.line, word=language)
            else:
                found.append(language)
        if not found and not self.faults.stop:
            self.faults.add(Code.E_SHAPE, marked.line, word="languages", shape="a list of languages")
        return tuple(found) or LANGUAGES

    def _calendars(self, marked: Marked | None) -> dict[str, Calendar]:
        calendars: dict[str, Calendar] = {}
        for name, value in self.values.mapping(marked, "calendars").items() if marked is not None else ():
            self.values.name(Marked(value.line, name), "a name", name)
            spans = []
            for item in self.values.listed(value):
                text = self.values.text(item, name, "a list of times")
                span = read_span(text)
                if span is None and isinstance(item.value, str):
                    self.faults.add(Code.E_SPAN, item.line, word=text)
                elif span is not None:
                    spans.append(span)
            if not self.values.listed(value):
                self.faults.add(Code.E_SHAPE, value.line, word=name, shape="a list of times")
            calendars[name] = tuple(spans)
        self.values.calendars = frozenset(calendars)
        return calendars

    def _parts(self, marked: Marked | None) -> tuple[dict[str, Route], dict[str, int]]:
        parts: dict[str, Route] = {}
        lines: dict[str, int] = {}
        for name, value in self.values.mapping(marked, "parts").items() if marked is not None else ():
            if name in (*PLACES, "none", "human"):
                self.faults.add(Code.E_RESERVED, value.line, word=name, what="part")
            self.values.name(Marked(value.line, name), "a part", name)
            lines[name] = value.line
            parts[name] = self.steps.listed(value, name)
        self.parts_read = marked is not None and isinstance(marked.value, dict)
        if marked is not None and self.parts_read and not lines:
            self.faults.add(Code.E_SHAPE, marked.line, word="parts", shape="at least one part with its steps")
        return parts, lines

    def _variables_set(self, steps: Route) -> None:
        """Variables that lookups answer, wherever they stand."""
        for step in steps:
            if step.act == "lookup" and not step.skipped:
                what = step.values.get("lookup", "")
                self.values.set_here.update((*SETS.get(what, ()), what))
            for value in step.values.values():
                for route in _routes(value):
                    self._variables_set(route)

    def _variables_used(self) -> None:
        words = ", ".join(sorted(name for name in self.values.set_here if name))
        for name, line in self.values.used:
            if name not in self.values.set_here:
                self.faults.add(Code.E_VARIABLE, line, word=name, words=words)


def _routes(value: object) -> list[Route]:
    if isinstance(value, list):
        return [value]
    if isinstance(value, dict):
        return [
            entry[1]
            for entry in value.values()
            if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[1], list)
        ]
    return []
