"""What of a menu must be heard before a key counts: nothing is promised, done or said yes to unheard.

Asked of each question as a menu is built (building.py), of each statement as it is walked (flows/menu.py). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from agi.endings import Goodbye
from agi.steps import KEYS

from .tree import BACK, QUESTIONS, Act, Choose, Leave, Node, Note, Pass, Promise, Run, Say

Nodes = Mapping[str, Node]


def keys_ahead(nodes: Nodes, question: Choose, ways: Mapping[str, str]) -> str:
    """The keys of a menu that count though they were pressed before it was heard: none that answers a yes/no question,
    promises a callback, runs a Python step, or hangs up without a word."""
    if question.yes_no:
        return ""
    there = {key: ways.get(f"key {key}", BACK) for key in KEYS}
    return "".join(key for key, id_ in there.items() if not _hangs_up(nodes, id_) and not _does_something(nodes, id_))


def before_yes_or_no(nodes: Nodes, statement: Node) -> bool:
    """Whether this leads straight to a yes/no question: then it says what is to be answered."""
    act = _next_act(nodes, statement.ways["next"], (Say, Note, Pass))
    return isinstance(act, Choose) and act.yes_no


def _hangs_up(nodes: Nodes, id_: str) -> bool:
    act = _next_act(nodes, id_, (Note, Pass))
    return isinstance(act, Leave) and isinstance(act.ending, Goodbye)


def _next_act(nodes: Nodes, id_: str, passed_over: tuple[type[Act], ...]) -> Act | None:
    """What comes behind acts of these kinds; None: the question before, or round and round."""
    passed: set[str] = set()
    while id_ not in passed and (node := nodes.get(id_)) is not None:
        passed.add(id_)
        if not isinstance(node.act, passed_over):
            return node.act
        id_ = node.ways["next"]
    return None


def _does_something(nodes: Nodes, id_: str) -> bool:
    """Whether a promise or a Python step may come before the next question."""
    left, seen = [id_], set()
    while left:
        at = left.pop()
        node = nodes.get(at)
        if at in seen or node is None:
            continue
        seen.add(at)
        if isinstance(node.act, Promise | Run):
            return True
        if not isinstance(node.act, QUESTIONS):
            left += node.ways.values()
    return False
