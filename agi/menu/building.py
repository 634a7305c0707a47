"""Steps as written → nodes that know where each outcome leads.

Called by checking.py once a file's words are understood. What an answer does not say continues after its question;
what a wrong key or silence says is heard before the question comes again, as often as `tries` allows. A step whose
outcome has nowhere to go is a fault here, so no walk can fall off.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from agi.endings import Goodbye

from .acts import collect_of, ending_of, fork_of
from .codes import Code, Faults
from .hearing import keys_ahead
from .step_reading import BROKEN, Raw, Route
from .tree import (
    BACK,
    Act,
    Choose,
    Leave,
    Node,
    Note,
    Pass,
    Retry,
    Say,
)
from .words import BY_NAME, PLACES, Kind

MOST_NODES = 10_000
TRIES = 3
TIMEOUT_S = 5.0
NOWHERE = ""
_PART = "part:"


class TooMany(Exception):
    """A file of our size limits that unfolds to more steps than anybody can review."""


class Place(Struct, frozen=True):
    """Where a list of steps stands: its part, what follows it, and the question whose answer it is."""

    part: str
    base: str
    after: str
    again: str | None = None
    within: str | None = None


class Builder:
    """The nodes of one file."""

    def __init__(self, faults: Faults, defaults: dict[str, Any], parts: dict[str, int]) -> None:
        self.faults = faults
        self.defaults = defaults
        self.parts = parts
        self.nodes: dict[str, Node] = {}
        self.begins: dict[str, str] = {}
        self.calls_human: str | None = None

    def part(self, name: str, line: int, steps: Route) -> None:
        """One part; its name leads to its first node."""
        if not steps:
            self.faults.add(Code.E_DEAD_END, line, place=f'the part "{name}"', word=name, words=", ".join(PLACES))
            return
        self.begins[name] = self.steps(steps, Place(name, name, NOWHERE))
        if len(self.nodes) > MOST_NODES:
            self.faults.add(Code.E_MANY, line, most=MOST_NODES)
            raise TooMany

    def finish(self) -> dict[str, Node]:
        """All nodes, with names of parts resolved. Call after the last part."""
        human = self.defaults.get("human")
        if human:
            self.steps(human, Place("human", "human", NOWHERE))
        whole = {}
        for node in self.nodes.values():
            ways = {way: self._resolved(target) for way, target in node.ways.items()}
            whole[node.id] = Node(node.id, node.part, node.line, node.act, ways, node.within)
        for node in whole.values():
            if isinstance(node.act, Choose):
                act = structs.replace(node.act, ahead=keys_ahead(whole, node.act, node.ways))
                whole[node.id] = structs.replace(node, act=act)
        return whole

    def _resolved(self, target: str) -> str:
        return self.begins.get(target.removeprefix(_PART), NOWHERE) if target.startswith(_PART) else target

    # Lists of steps -----------------------------------------------------------------------------------------------

    def steps(self, steps: Route, place: Place) -> str:
        """The first node of a list of steps."""
        first = NOWHERE
        gone = False
        for number, raw in enumerate(steps, start=1):
            if gone:
                self.faults.add(Code.W_AFTER_END, raw.line)
                break
            id_ = f"{place.base}/{number}"
            last = number == len(steps)
            after = place.after if last else _entry(f"{place.base}/{number + 1}", steps[number])
            entry = self.step(raw, id_, Place(place.part, place.base, after, place.again, place.within))
            first = first or entry
            gone = not raw.skipped and raw.act in BY_NAME and BY_NAME[raw.act].leaves
        return first

    def step(self, raw: Raw, id_: str, place: Place) -> str:
        """One step: what it says and notes first, then its act."""
        if raw.skipped or raw.act == BROKEN:
            after = place.after or (BACK if raw.act == BROKEN else NOWHERE)
            self.node(id_, raw, place, Pass("skip"), {"next": after})
            return id_
        acts: list[Act] = []
        note = {name: raw.values[name] for name in ("matter", "language") if name in raw.values}
        if note or "set" in raw.values:
            acts.append(Note(**note, values=raw.values.get("set", {})))
        if "say" in raw.values:
            acts.append(Say(raw.values["say"], raw.values.get("whole", False)))
        ids = [f"{id_}{'.' * number}" for number in range(len(acts), 0, -1)]
        if not raw.act:  # the last of its preludes is the step itself
            ids = [*ids[1:], id_]
        following = [*ids[1:], id_ if raw.act else place.after] if acts else []
        for prelude, act, after in zip(ids, acts, following, strict=True):
            self.node(prelude, raw, place, act, {"next": after})
        if raw.act:
            self._act(raw, id_, place)
        return ids[0] if ids else id_

    def route(self, raw: Raw, word: str, id_: str, place: Place, after: str, again: str | None = None) -> str:
        """The steps behind an option of a step, or its default, or else just what follows."""
        steps = raw.values.get(word, self.defaults.get(word))
        if not steps:
            return after
        question = again or place.again
        within = id_ if again else place.within
        return self.steps(steps, Place(place.part, f"{id_}/{word}", after, question, within))

    def node(self, id_: str, raw: Raw, place: Place, act: Act, ways: dict[str, str]) -> None:
        self.nodes[id_] = Node(id_, place.part, raw.line, act, ways, place.within)
        if NOWHERE in ways.values():
            self.faults.add(Code.E_NO_END, raw.line, place=f'the part "{place.part}"', word=place.part)

    # Acts -----------------------------------------------------------------------------------------------------------

    def _act(self, raw: Raw, id_: str, place: Place) -> None:
        """Make this step's node, by the word that names it."""
        for word in BY_NAME[raw.act].options:
            if word.needed and word.name not in raw.values and word.name not in self.defaults:
                why = f"say what follows {word.means}" if word.kind is Kind.ROUTE else word.means
                self.faults.add(Code.E_LACKS, raw.line, place=f'"{raw.act}"', word=word.name, why=why)
        match raw.act:
            case "menu" | "ask" | "collect":
                self._question(raw, id_, place)
            case "lookup" | "when" | "run" | "record" | "callback" | "survey":
                self._fork(raw, id_, place)
            case "again" | "back" | "human" | "next" | "goto":
                self._lead(raw, id_, place)
            case _:
                self._leave(raw, id_, place)

    def _leave(self, raw: Raw, id_: str, place: Place) -> None:
        what = raw.values[raw.act]
        if raw.act == "end" and isinstance(what, tuple) and what:
            said = f"{id_}/said"
            self.node(said, raw, place, Leave(Goodbye(served=False)), {})
            self.node(id_, raw, place, Say(what, raw.values.get("whole", False)), {"next": said})
            return
        self.node(id_, raw, place, Leave(ending_of(raw)), {})

    def _lead(self, raw: Raw, id_: str, place: Place) -> None:
        """A word that leads elsewhere."""
        word = raw.act
        target = place.after
        if word == "goto":
            target = self._part_named(str(raw.values["goto"]), raw.lines.get("goto", raw.line))
        elif word == "human":
            target = self._human(raw.line)
        elif word == "back":
            target = BACK
        elif word == "again":
            if place.again is None:
                self.faults.add(Code.E_NO_QUESTION, raw.line, word="again")
            target = place.again or BACK
        self.node(id_, raw, place, Pass(word), {"next": target})

    def _part_named(self, name: str, line: int) -> str:
        if name in self.parts:
            return _PART + name
        self.faults.add(Code.E_PART, line, word=name, words=", ".join(self.parts) or "none yet")
        return BACK

    def _human(self, line: int) -> str:
        """What the key 0 does, written once under `defaults`."""
        human = self.defaults.get("human")
        if not human:
            if "human" not in self.defaults:
                why = "say what the key 0 does, or give the key another meaning"
                self.faults.add(Code.E_LACKS, line, place='"defaults"', word="human", why=why)
            return BACK
        return _entry("human/1", human[0])

    def _question(self, raw: Raw, id_: str, place: Place) -> None:
        retry = f"{id_}/retry"
        bad = {
            # Whatever they say, the same question follows, as often as its tries allow.
            word: self.route(raw, word, id_, place, after=retry, again=retry)
            for word in ("wrong_key", "silence")
        }
        out = self.route(raw, "out_of_tries", id_, place, after=place.after, again=id_)
        self.nodes[retry] = Node(retry, place.part, raw.line, Retry(id_), {"again": id_, "out_of_tries": out}, id_)
        if not out and "out_of_tries" in {**self.defaults, **raw.values}:
            self.faults.add(Code.E_NO_END, raw.line, place=f'the part "{place.part}"', word=place.part)
        tries = int(raw.values.get("tries", self.defaults.get("tries", TRIES)))
        timeout_s = float(raw.values.get("timeout_s", self.defaults.get("timeout_s", TIMEOUT_S)))
        if raw.act == "collect":
            self.node(id_, raw, place, collect_of(raw, tries, timeout_s), {"done": place.after, **bad, "key *": BACK})
            return
        keys = self._keys(raw, id_, place)
        act = Choose(raw.values[raw.act], tries, timeout_s, yes_no=raw.act == "ask")
        self.node(id_, raw, place, act, {**keys, **bad})

    def _keys(self, raw: Raw, id_: str, place: Place) -> dict[str, str]:
        """The ways of a question's keys; 0, * and # have their meaning in every menu that gives them no other."""
        ways: dict[str, str] = {}
        if raw.act == "ask":
            for word, key in (("yes", "1"), ("no", "2")):
                ways[f"key {key}"] = (
                    self.route(raw, word, id_, place, place.after, again=id_) if word in raw.values else BACK
                )
            written: dict[str, tuple[int, Route | None]] = {}
        else:
            written = raw.values.get("keys", {})
        for key, (_line, route) in written.items():
            if route:
                inside = Place(place.part, f"{id_}/{key}", place.after, id_, id_)
                ways[f"key {key}"] = self.steps(route, inside)
        if "0" not in written:
            ways["key 0"] = self._human(raw.line)
        if "*" not in written:
            ways["key *"] = BACK
        if "#" not in written:
            ways["key #"] = f"{id_}/#"
            self.nodes[f"{id_}/#"] = Node(f"{id_}/#", place.part, raw.line, Leave(Goodbye(served=False)), {}, id_)
        return ways

    def _fork(self, raw: Raw, id_: str, place: Place) -> None:
        act, ways = fork_of(raw)
        if raw.act == "lookup":
            self._lookup_words(raw)
        options = {word.name: word for word in BY_NAME[raw.act].options}
        targets = {}
        for way in ways:
            missing = way in options and options[way].needed and way not in raw.values and way not in self.defaults
            # What is missing has been told already: it is not also told to end nowhere.
            targets[way] = BACK if missing else self.route(raw, way, id_, place, after=place.after)
        self.node(id_, raw, place, act, targets)

    def _lookup_words(self, raw: Raw) -> None:
        wanted = raw.values["lookup"] == "http"
        for word in ("url", "answer"):
            if wanted and word not in raw.values:
                why = {"url": "the address to ask", "answer": "the fields to take from it"}[word]
                self.faults.add(Code.E_LACKS, raw.line, place='"lookup: http"', word=word, why=why)
            elif not wanted and word in raw.values:
                place = f'"lookup: {raw.values["lookup"]}"'
                self.faults.add(Code.E_WORD, raw.lines[word], word=word, place=place, words="by, whose")


def _entry(id_: str, raw: Raw) -> str:
    """The id of a step's first node: a step that says or notes something begins before its act."""
    if raw.skipped or raw.act == BROKEN:
        return id_
    preludes = ("say" in raw.values) + any(word in raw.values for word in ("matter", "language", "set"))
    own = preludes if raw.act else preludes - 1
    return id_ + "." * max(own, 0)
