"""Asterisk's configuration files as lines with a place: which file, which line, which section, key and value.

For lint.py only: it reads our own templates as they lie in the tree, so that a finding names the line to mend.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """One `key = value` line. `extension` is the dialplan extension it belongs to, "" elsewhere."""

    file: str
    number: int
    section: str
    key: str
    value: str
    extension: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault: where it is, its stable code, and a sentence that says how to mend it."""

    file: str
    line: int
    code: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.code}: {self.sentence}"


def read_conf(folder: Path, name: str) -> list[Line]:
    """The lines of one file; none when there is no such file."""
    path = folder / name
    return list(_lines(name, path.read_text(encoding="utf-8"))) if path.exists() else []


def read_dialplan(folder: Path) -> list[Line]:
    """extensions.conf and dialplan/*.conf; the sandbox's own files are its own affair."""
    names = ["extensions.conf", *sorted(f"dialplan/{path.name}" for path in (folder / "dialplan").glob("*.conf"))]
    return [line for name in names for line in read_conf(folder, name)]


def _lines(file: str, text: str) -> Iterator[Line]:
    section = extension = ""
    for number, raw in enumerate(text.splitlines(), 1):
        said = raw.partition(";")[0].strip()
        if said.startswith("["):
            section, extension = said[1:].partition("]")[0], ""
            continue
        key, equals, value = said.partition("=")
        if not equals or said.startswith("#"):
            continue
        key, value = key.strip(), value.removeprefix(">").strip()
        if key == "exten":
            extension = value.partition(",")[0]
        yield Line(file, number, section, key, value, extension if key in ("exten", "same") else "")
