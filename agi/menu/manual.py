"""The tables of docs/ivr.md, made from the language itself: `python -m agi.menu.manual docs/ivr.md` renews them there.

A test holds the page to this, so a word or a code that is not explained cannot be shipped. Pure but for the file it is
run on.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from .codes import Code
from .words import ACTS, CONDITIONS, DEFAULTS, FILE, PRELUDES, Word

_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """The page with every marked table as it must be today."""
    return _TABLE.sub(lambda found: f"{found[1]}{_TABLES[found[2]]()}\n{found[3]}", page)


def _steps() -> str:
    rows = ["| step | what it does | beside it |", "| --- | --- | --- |"]
    for act in ACTS:
        options = [word for word in act.options if not (act.asks and word in DEFAULTS)]
        told = [f"`{word.name}`{'' if word.needed else '?'} {word.means}" for word in options]
        beside = "<br>".join([*told, *(["what `defaults` holds for questions"] if act.asks else [])])
        rows.append(_row(f"`{act.name}: {_sample(act.word)}`", act.word.means, beside))
    return "\n".join(rows)


def _sample(word: Word) -> str:
    if word.choices:
        return " or ".join(word.choices)
    return {
        "PROMPTS": "[prompts]",
        "CONDITIONS": "{conditions}",
        "QUEUE": "queue",
        "YES": "yes",
        "FAREWELL": "yes or prompts",
        "PART": "part",
        "RUN": "step",
    }.get(word.kind.name, word.kind.name.lower().replace("_", " "))


def _words(words: tuple[Word, ...]) -> str:
    rows = ["| word | stands behind it | what it means |", "| --- | --- | --- |"]
    for word in words:
        choices = f": {', '.join(word.choices)}" if word.choices else ""
        rows.append(_row(f"`{word.name}`", f"{word.kind}{choices}", word.means))
    return "\n".join(rows)


def _file() -> str:
    rows = ["| word | what it means |", "| --- | --- |"]
    return "\n".join([*rows, *(_row(f"`{word.name}`{'' if word.needed else '?'}", word.means) for word in FILE)])


def _codes() -> str:
    rows = ["| code | what it says |", "| --- | --- |"]
    return "\n".join([*rows, *(_row(f"`{code.name}`", re.sub(r"\{\w+\}", "…", code.value)) for code in Code)])


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


_TABLES = {
    "file": _file,
    "defaults": lambda: _words(DEFAULTS),
    "preludes": lambda: _words(PRELUDES),
    "steps": _steps,
    "conditions": lambda: _words(CONDITIONS),
    "codes": _codes,
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_tables(path.read_text("utf-8")), "utf-8")
