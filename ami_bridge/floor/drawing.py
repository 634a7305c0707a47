"""The floor's tables as a page: which event is taken in by which rule, what that may say, and which posture goes first.

`python -m ami_bridge.floor.drawing > docs/floor.md`; a test holds the page against the tables. Reads the tables and the
rules' own sources, so that the page cannot tell anything else than the code does. Nothing runs it but that.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from ami_bridge import changes
from ami_bridge.changes import Change

from . import floor, seats

_DEEP = 6
CHANGES = {name for name, found in vars(changes).items() if inspect.isclass(found) and issubclass(found, Change)}


def page() -> str:
    return "\n".join(
        [
            "# The floor's rules",
            "",
            "Generated from `ami_bridge/floor` by `python -m ami_bridge.floor.drawing`; a test keeps it up to date.",
            "The rules in prose stand at the head of `floor.py`; here is which event reaches which rule, and which",
            "changes that rule may lead to. After each event the postures of the seats it touched are computed anew.",
            "",
            "```mermaid",
            "flowchart LR",
            *_arrows(),
            "```",
            "",
            "| event | rule | when and why | may say |",
            "|---|---|---|---|",
            *_rows(),
            "",
            "## Postures",
            "",
            "The first that holds is the word for a seat.",
            "",
            "```mermaid",
            "flowchart TD",
            *_postures(),
            "```",
            "",
        ]
    )


@cache
def _rules() -> list[tuple[str, str, str, list[str]]]:
    found = []
    for event, rule in floor.RULES.items():
        name = f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}"
        prose = rule.__doc__ or event.__doc__ or ""
        found.append((event.__name__, name, _first_sentence(prose), sorted(_said(rule, _DEEP, set()))))
    return found


def _arrows() -> list[str]:
    rules = _rules()
    lines = [f'    e_{event}(["{event}"]) --> r_{rule.replace(".", "_")}["{rule}"]' for event, rule, _, _ in rules]
    pairs = sorted({(rule.replace(".", "_"), word) for _, rule, _, said in rules for word in said})
    return [*lines, *(f'    r_{rule} --> c_{word}{{{{"{word}"}}}}' for rule, word in pairs)]


def _rows() -> list[str]:
    return [f"| {event} | `{rule}` | {prose} | {', '.join(said)} |" for event, rule, prose, said in _rules()]


def _postures() -> list[str]:
    """The word of each `return` of posture_word, in order, with the condition before it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(seats.posture_word))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    lines, number = [], 0
    for step in tree.body:
        if isinstance(step, ast.If):
            test, word = ast.unparse(step.test), _words(step.body[0])
            lines.append(f'    q{number}{{"{_quoted(test)}"}} -- yes --> w{number}["{word}"]')
            lines.append(f"    q{number} -- no --> q{number + 1}")
            number += 1
        elif isinstance(step, ast.Return):
            lines[-1] = f'    q{number - 1} -- no --> w{number}["{_words(step)}"]'
    return lines


def _words(step: ast.stmt) -> str:
    texts = [each.value for each in ast.walk(step) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return ", else ".join(texts)


def _quoted(text: str) -> str:
    return text.replace('"', "'")


def _first_sentence(prose: str) -> str:
    return " ".join(prose.split()).replace("|", "or").partition(". ")[0].rstrip(".")


def _said(rule: Callable[..., Any], deep: int, seen: set[object]) -> set[str]:
    """The changes that a rule, or what it calls in this room, may say."""
    if rule in seen or deep == 0 or not isinstance(rule, FunctionType):
        return set()
    seen.add(rule)
    found: set[str] = set()
    for call in _calls(rule):
        called = _called(call.func, rule)
        if inspect.isclass(called) and called.__name__ in CHANGES:
            found.add(called.__name__)
        elif isinstance(called, FunctionType) and called.__module__.startswith("ami_bridge.floor"):
            found |= _said(called, deep - 1, seen)
    return found


@cache
def _calls(rule: FunctionType) -> list[ast.Call]:
    """What a function calls; many rules lead through the same few functions."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(rule)))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _called(target: ast.expr, rule: FunctionType) -> Any:
    if isinstance(target, ast.Name):
        return rule.__globals__.get(target.id)
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        return getattr(rule.__globals__.get(target.value.id), target.attr, None)
    return None


if __name__ == "__main__":
    sys.stdout.write(page())
