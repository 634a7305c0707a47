"""Golden calls: who rings, what they press, what they must hear and where they must come out.

Read from `asterisk-conf/ivr/<menu>.test.yaml` by `kefu ivr test` and by the tests; each is played on paper. A menu that
is changed by mistake fails the call that a person would have made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from msgspec import Struct

from .answers import Balance, Caller, CaseStatus, OrderStatus
from .flows.menu import walk
from .menu.codes import Code, Fault, Faults
from .menu.reading import Marked, read_marked
from .menu.tree import Menu
from .paper_desk import Paper, PaperDesk
from .prompt_texts import PromptTexts
from .rehearsal import HURRIED, SILENCE, Rehearsal, describe, given
from .steps import KEYS, LANGUAGES

_WORDS = (
    *("name", "from", "customer", "dialled", "at", "open", "keys", "order", "case", "balance", "http", "runs"),
    *("hears", "says_not", "matter", "language", "ends"),
)
A_WORKDAY = datetime(2026, 3, 4, 10, 0)  # noqa: DTZ001 - the site's own clock, as printed on its wall


class GoldenCall(Struct, frozen=True):
    """One call as it must go. `hears`: prompts in this order, with others between; None is not compared."""

    name: str
    line: int
    keys: str
    paper: Paper
    dialled: str
    hears: tuple[str, ...]
    says_not: tuple[str, ...]
    ends: str
    matter: str | None
    language: str | None


class Outcome(Struct, frozen=True):
    """How a golden call went: no reasons, no failure."""

    call: GoldenCall
    heard: tuple[str, ...]
    ended: str
    failures: tuple[str, ...]


def read_golden(text: str, file: str) -> tuple[list[GoldenCall], list[Fault]]:
    """The calls of one file and its faults."""
    faults = Faults(file)
    root = read_marked(text, faults)
    calls: list[GoldenCall] = []
    if root is not None:
        reader = _Reader(faults)
        entries = root.value if isinstance(root.value, dict) else {}
        listed = entries["calls"].value if "calls" in entries else None
        for name, value in entries.items():
            if name != "calls":
                faults.add(Code.E_WORD, value.line, word=name, place="a file of golden calls", words="calls")
        if not isinstance(listed, list):
            faults.add(Code.E_SHAPE, root.line, word="calls", shape="a list of calls")
        else:
            calls = [reader.call(item) for item in listed]
    return ([] if faults.stop else calls), sorted(faults.found)


def play(call: GoldenCall, menu: Menu, texts: PromptTexts) -> Outcome:
    """Play one call on paper and hold it to what was said."""
    rehearsal = Rehearsal(walk(menu), texts, given(call.keys), PaperDesk(call.paper), dialled=call.dialled)
    lines = list(rehearsal)
    heard = tuple(prompt for line in lines if line.what == "hears" for prompt in line.prompts)
    ended = describe(rehearsal.ending) if rehearsal.ending is not None else "nowhere"
    language = [line.text for line in lines if line.what == "language"][-1:]
    failures = list(_missing(call.hears, heard))
    failures += [f'hears "{prompt}", and must not' for prompt in call.says_not if prompt in heard]
    for what, wanted, got in (
        ("ends", call.ends, ended),
        ("the matter is", call.matter, rehearsal.matter),
        ("the language is", call.language, language[0] if language else None),
    ):
        if wanted is not None and wanted != got and not (what == "ends" and ended.startswith(f"{wanted},")):
            failures.append(f"{what} {got!r}, not {wanted!r}")
    return Outcome(call, heard, ended, tuple(failures))


def _missing(wanted: tuple[str, ...], heard: tuple[str, ...]) -> Iterator[str]:
    left = iter(heard)
    for prompt in wanted:
        if prompt not in left:
            yield f'does not hear "{prompt}"' + (" in that order" if prompt in heard else "")
            return


class _Reader:
    """One pass over one file."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def call(self, marked: Marked) -> GoldenCall:
        entries = self.mapping(marked, "a call")
        for name, value in entries.items():
            if name not in _WORDS:
                self.faults.add(Code.E_WORD, value.line, word=name, place="a call", words=", ".join(_WORDS))
        for name, why in (("name", "what the call shows"), ("ends", "where it must come out")):
            if name not in entries:
                self.faults.add(Code.E_LACKS, marked.line, place="a call", word=name, why=why)
        texts = {name: self.text(value, name) for name, value in entries.items() if isinstance(value.value, str)}
        keys = texts.get("keys", "")
        if wrong := sorted(set(keys) - set(KEYS) - {SILENCE, HURRIED}):
            self.faults.add(Code.E_KEY, entries["keys"].line, word=wrong[0])
        return GoldenCall(
            name=texts.get("name", "?"),
            line=marked.line,
            keys=keys,
            paper=self.paper(entries, texts),
            dialled=texts.get("dialled", ""),
            hears=self.listed(entries.get("hears")),
            says_not=self.listed(entries.get("says_not")),
            ends=texts.get("ends", ""),
            matter=texts.get("matter"),
            language=texts.get("language"),
        )

    def paper(self, entries: Mapping[str, Marked], texts: Mapping[str, str]) -> Paper:
        at, more = A_WORKDAY, {}
        if "at" in texts:
            try:
                at = datetime.fromisoformat(texts["at"])
            except ValueError:
                self.faults.add(Code.E_SPAN, entries["at"].line, word=texts["at"])
        for name in ("order", "case", "balance", "http"):
            if name in entries:
                more[name] = self.known(name, entries[name])
        runs = entries.get("runs")
        if runs is not None:
            more["runs"] = {step: self.fields(value) for step, value in self.mapping(runs, "runs").items()}
        caller = self.caller(texts.get("from"), entries.get("customer"))
        return Paper(caller, at, is_open=texts.get("open", "yes") not in ("no", "false"), **more)

    def caller(self, number: str | None, marked: Marked | None) -> Caller:
        if marked is None:
            return Caller(number)
        told = self.fields(marked)
        for name in told.keys() - {"language", "tier", "code"}:
            self.faults.add(Code.E_WORD, marked.line, word=name, place="a customer", words="language, tier, code")
        if told.get("language", LANGUAGES[0]) not in LANGUAGES:
            self.faults.add(Code.E_LANGUAGE, marked.line, word=told["language"], words=", ".join(LANGUAGES))
        return Caller(number, UUID(int=1), told.get("language"), tier=told.get("tier"), code=told.get("code"))

    def known(self, what: str, marked: Marked) -> Any:
        """An order, case, balance or HTTP answer, or why there is none."""
        if isinstance(marked.value, str):
            if marked.value not in ("not_found", "unavailable"):
                words = "not_found, unavailable, or its fields"
                self.faults.add(Code.E_CHOICE, marked.line, word=what, value=marked.value, words=words)
            return marked.value
        told = self.fields(marked)
        try:
            match what:
                case "order":
                    expected = date.fromisoformat(told["expected_on"]) if told.get("expected_on") else None
                    return OrderStatus(told["number"], told["state"], expected)
                case "case":
                    return CaseStatus(told["number"], told["state"])
                case "balance":
                    return Balance(Decimal(told["amount"]), told.get("currency", "CNY"))
        except (KeyError, ValueError, InvalidOperation) as lacking:
            self.faults.add(Code.E_SHAPE, marked.line, word=what, shape=f"whole ({lacking})")
            return "not_found"
        return told

    def mapping(self, marked: Marked, word: str) -> dict[str, Marked]:
        if isinstance(marked.value, dict):
            return marked.value
        self.faults.add(Code.E_SHAPE, marked.line, word=word, shape="a list of names, each with what it means")
        return {}

    def fields(self, marked: Marked) -> dict[str, str]:
        return {name: self.text(value, name) for name, value in self.mapping(marked, "fields").items()}

    def text(self, marked: Marked, word: str) -> str:
        if isinstance(marked.value, str):
            return marked.value
        self.faults.add(Code.E_SHAPE, marked.line, word=word, shape="one word")
        return ""

    def listed(self, marked: Marked | None) -> tuple[str, ...]:
        if marked is None:
            return ()
        items = marked.value if isinstance(marked.value, list) else [marked]
        return tuple(self.text(item, "prompts") for item in items)
