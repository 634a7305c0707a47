"""What a caller would notice between two versions of a menu.

Both are walked side by side from the start along the same keys, so a part that was only renamed or moved makes no
difference, and what is said, asked, added or led elsewhere does. Called by `kefu ivr diff`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from msgspec import Struct

from agi.steps import Spoken

from .picture_rows import asked, named
from .tree import BACK, Choose, Collect, Leave, Menu, Node, Note, Pass, Retry, Said, Say

MOST_LOOKED_AT = 60
_PLAIN = (Say, Note, Pass, Retry)


class Difference(Struct, frozen=True):
    """`where`: how a caller gets there; `kind`: added, removed, changed or moved."""

    where: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def differences(before: Menu, after: Menu) -> list[Difference]:
    """All of them, in the order a caller meets them; none when a caller would notice nothing."""
    compared = _Compared(before, after)
    found = list(compared.languages())
    found += compared.walk(before.start, after.start, "every caller")
    return list(dict.fromkeys(found))


class _Compared:
    """Two menus walked side by side."""

    def __init__(self, before: Menu, after: Menu) -> None:
        self.before = before
        self.after = after
        self.seen: set[tuple[str, str]] = set()
        self.compared: set[tuple[str, str]] = set()
        self.told: set[tuple[object, ...]] = set()

    def languages(self) -> Iterator[Difference]:
        if self.before.languages != self.after.languages:
            old, new = (", ".join(menu.languages) for menu in (self.before, self.after))
            yield Difference("every caller", "changed", f"languages are {new}, not {old}")

    def walk(self, old: str, new: str, where: str) -> Iterator[Difference]:
        """From one step in each menu on."""
        if (old, new) in self.seen:
            return
        self.seen.add((old, new))
        old_said, old_node = _heard(self.before, old)
        new_said, new_node = _heard(self.after, new)
        for said in _lists(old_said, new_said, where):
            # Several ways may come together before the same sentence: it is told of the first.
            about = (said.kind, said.text, old_node and old_node.id, new_node and new_node.id)
            if about not in self.told:
                self.told.add(about)
                yield said
        if old_node is None or new_node is None:
            if old_node is not new_node:
                gone, here = (_told(node) if node else "the question before" for node in (old_node, new_node))
                yield Difference(where, "changed", f"comes to {here}, not to {gone}")
            return
        if _kind(old_node) != _kind(new_node) or self.another_question(old_node, new_node):
            yield from self.other_step(old_node, new_node, where)
            return
        yield from self.same_step(old_node, new_node, where)

    def another_question(self, old: Node, new: Node) -> bool:
        """Two questions without a word in common, one of which comes further on in the other menu."""
        if not isinstance(old.act, Choose | Collect) or not isinstance(new.act, Choose | Collect):
            return False
        if set(_words(old.act.ask)) & set(_words(new.act.ask)):
            return False
        return bool(_find(self.after, new, old) or _find(self.before, old, new))

    def other_step(self, old: Node, new: Node, where: str) -> Iterator[Difference]:
        """Another step stands here: put in before the old one, or the old one taken out, or neither."""
        if further := _find(self.after, new, old):
            yield Difference(where, "added", f"{_told(new)} comes first")
            yield from self.same_step(old, further, where)
        elif further := _find(self.before, old, new):
            yield Difference(where, "removed", f"{_told(old)} comes no more")
            yield from self.same_step(further, new, where)
        else:
            yield Difference(where, "changed", f"comes to {_told(new)}, not to {_told(old)}")

    def same_step(self, old: Node, new: Node, where: str) -> Iterator[Difference]:
        """The same kind of step in both: what it says, and where its outcomes lead."""
        if (old.id, new.id) in self.compared:
            return
        self.compared.add((old.id, new.id))
        if isinstance(old.act, Leave) and isinstance(new.act, Leave):
            if old.act.ending != new.act.ending:
                text = f"ends at {named(new.act.ending)}, not at {named(old.act.ending)}"
                if named(new.act.ending) == named(old.act.ending):
                    text = f"joins {named(new.act.ending)} on other terms"
                yield Difference(where, "changed", text)
            return
        if isinstance(old.act, Choose | Collect) and isinstance(new.act, Choose | Collect):
            yield from _lists(_words(old.act.ask), _words(new.act.ask), where, "asks")
            if (old.act.tries, old.act.timeout_s) != (new.act.tries, new.act.timeout_s):
                terms = [f"{act.tries} tries of {act.timeout_s:g} s" for act in (old.act, new.act)]
                yield Difference(where, "changed", f"the question has {terms[1]}, not {terms[0]}")
            if _terms(old) != _terms(new):
                yield Difference(where, "changed", f"asks for {_told(new)}, not for {_told(old)}")
        elif _told(old) != _told(new):
            yield Difference(where, "changed", f"{_told(new)}, not {_told(old)}")
        yield from self.ways(old, new, where)

    def ways(self, old: Node, new: Node, where: str) -> Iterator[Difference]:
        old_ways, new_ways = _ways(self.before, old), _ways(self.after, new)
        gone = [way for way in old_ways if way not in new_ways]
        come = [way for way in new_ways if way not in old_ways]
        for way in gone:
            goal = _goal(self.before, old_ways[way])
            moved = next((other for other in come if _goal(self.after, new_ways[other]) == goal), None)
            if moved is not None:
                come.remove(moved)
                yield Difference(where, "moved", f"{moved} does what {way} did ({goal})")
                yield from self.walk(old_ways[way], new_ways[moved], f"{where} › {moved}")
            else:
                yield Difference(where, "removed", f"{way} is offered no more ({goal})")
        for way in come:
            yield Difference(where, "added", f"{way} is new ({_goal(self.after, new_ways[way])})")
        for way in old_ways:
            if way in new_ways:
                yield from self.walk(old_ways[way], new_ways[way], f"{where} › {way.replace('_', ' ')}")


def _ways(menu: Menu, node: Node) -> dict[str, str]:
    """A step's outcomes; those of a question without the bookkeeping of its tries."""
    ways = dict(node.ways)
    if isinstance(node.act, Choose | Collect):
        ways["out_of_tries"] = menu.nodes[f"{node.id}/retry"].ways["out_of_tries"]
    return ways


def _heard(menu: Menu, id_: str) -> tuple[list[str], Node | None]:
    """What is said from here to the next step that forks or ends; None: back to the question before, or round it."""
    said: list[str] = []
    passed: set[str] = set()
    while id_ != BACK and id_ not in passed:
        passed.add(id_)
        node = menu.nodes[id_]
        if isinstance(node.act, Say):
            said += [*_words(node.act.said), *(["(to its end)"] if node.act.whole else [])]
        elif isinstance(node.act, Note):
            said += [f"({what} {value})" for what, value in _noted(node.act)]
        elif isinstance(node.act, Retry):
            return [*said, "(the question again)"], None
        elif not isinstance(node.act, Pass):
            return said, node
        id_ = node.ways["next"]
    return [*said, "(the question before)"], None


def _noted(note: Note) -> Iterator[tuple[str, str]]:
    if note.matter:
        yield "matter", note.matter
    if note.language:
        yield "language", note.language
    yield from note.values.items()


def _words(said: Said) -> list[str]:
    return [f"<{item.name}>" if isinstance(item, Spoken) else item for item in said]


def _lists(old: list[str], new: list[str], where: str, verb: str = "says") -> Iterator[Difference]:
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, here = ", ".join(old[a:b]), ", ".join(new[c:d])
        if what == "replace":
            yield Difference(where, "changed", f"{verb} {here} instead of {gone}")
        elif what == "delete":
            yield Difference(where, "removed", f"{verb} {gone} no more")
        elif what == "insert":
            yield Difference(where, "added", f"{verb} {here}")


def _kind(node: Node) -> str:
    """Steps of one kind are compared; questions are, when they ask for the same thing or share a prompt."""
    if isinstance(node.act, Choose | Collect):
        return type(node.act).__name__
    return type(node.act).__name__ if isinstance(node.act, Leave) else _told(node)


def _terms(node: Node) -> object:
    act = node.act
    return (act.least, act.most, act.confirm, act.read_back, act.secret) if isinstance(act, Collect) else None


def _told(node: Node) -> str:
    act = node.act
    if isinstance(act, Leave):
        return named(act.ending)
    if isinstance(act, Collect):
        digits = f"{act.least}" if act.least == act.most else f"{act.least} to {act.most}"
        return f"{digits} digits ({', '.join(_words(act.ask))})"
    if isinstance(act, Choose):
        return f"the question {', '.join(_words(act.ask))}"
    return asked(act)


def _goal(menu: Menu, id_: str) -> str:
    """Where a key leads, in a few words."""
    said, node = _heard(menu, id_)
    return " → ".join([*said[:2], *([_told(node)] if node else [])]) or "back"


def _find(menu: Menu, start: Node, wanted: Node) -> Node | None:
    """The step like `wanted` that follows `start` within a few steps."""
    waiting, seen = list(_ways(menu, start).values()), {start.id}
    while waiting and len(seen) < MOST_LOOKED_AT:
        id_ = waiting.pop(0)
        if id_ in seen or id_ == BACK:
            continue
        seen.add(id_)
        node = menu.nodes[id_]
        if not isinstance(node.act, (*_PLAIN, Leave)) and _told(node) == _told(wanted):
            return node
        waiting.extend(node.ways.values())
    return None
