"""An existing Asterisk's own configuration: which sections stand where, through all its includes. Read, never written.

For install.py, which must not give a section a name that the site uses already, and for what `kefu init` takes over
(the AMI port, the folder of sounds).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crm.refusals import Refusal

DEEPEST = 20
_SECTION = re.compile(r"\s*\[([^\]]+)\]")
_INCLUDE = re.compile(r"\s*#\s*(?:try)?include\s+[\"<]?([^\">;]+?)[\">]?\s*(?:;.*)?$", re.IGNORECASE)
_VALUE = re.compile(r"\s*([\w.-]+)\s*=>?\s*(.*?)\s*(?:;.*)?$")


class SiteUnreadable(Refusal):
    """A file of the site cannot be read by us."""


@dataclass(frozen=True, slots=True)
class Section:
    """One `[name]` and where it stands."""

    name: str
    file: Path
    line: int


def sections(etc: Path, file: Path, *, leave_out: Path | None = None) -> Iterator[Section]:
    """Sections of `file` and of all that it includes, in Asterisk's own order; `leave_out` is a folder of ours."""
    for path, number, line in _lines(etc, file, leave_out, 0):
        if found := _SECTION.match(line):
            yield Section(found[1].strip(), path, number)


def value(etc: Path, file: Path, section: str, name: str, *, leave_out: Path | None = None) -> str | None:
    """The last value that `section` gives to `name`, as Asterisk takes it."""
    inside, said = False, None
    for _path, _number, line in _lines(etc, file, leave_out, 0):
        if found := _SECTION.match(line):
            inside = found[1].strip() == section
        elif inside and (pair := _VALUE.match(line)) and pair[1].lower() == name:
            said = pair[2]
    return said


def values(etc: Path, file: Path, name: str, *, leave_out: Path | None = None) -> set[str]:
    """Every value that any section gives to `name`."""
    pairs = (_VALUE.match(line) for _path, _number, line in _lines(etc, file, leave_out, 0))
    return {pair[2] for pair in pairs if pair and pair[1].lower() == name}


def sounds_folder(etc: Path) -> Path | None:
    """Where this Asterisk looks for sounds, as far as it can be told from its configuration and the usual places."""
    said = value(etc, etc / "asterisk.conf", "directories", "astdatadir")
    usual = ("/usr/share/asterisk", "/var/lib/asterisk", "/usr/local/share/asterisk", "/usr/local/var/lib/asterisk")
    for folder in ([said] if said else []) + list(usual):
        if (Path(folder) / "sounds").is_dir():
            return Path(folder) / "sounds"
    return None


def log_folder(etc: Path) -> Path | None:
    """Where this Asterisk writes its logs; None when that folder is not on this machine."""
    folder = Path(value(etc, etc / "asterisk.conf", "directories", "astlogdir") or "/var/log/asterisk")
    return folder if folder.is_dir() else None


def _lines(etc: Path, file: Path, leave_out: Path | None, depth: int) -> Iterator[tuple[Path, int, str]]:
    if not file.is_file() or depth > DEEPEST or (leave_out is not None and leave_out in file.parents):
        return
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except PermissionError:
        raise SiteUnreadable(f"{file} cannot be read: run this as root, or as Asterisk's own user") from None
    for number, line in enumerate(_without_comments(text), 1):
        if found := _INCLUDE.match(line):
            pattern = found[1].strip()
            folder = Path("/") if pattern.startswith("/") else etc
            for included in sorted(folder.glob(pattern.lstrip("/"))):
                yield from _lines(etc, included, leave_out, depth + 1)
        else:
            yield file, number, line


def _without_comments(text: str) -> list[str]:
    """Each line without its comment; `;--` to `--;` takes out lines altogether."""
    lines, inside = [], False
    for line in text.splitlines():
        begins = line.lstrip().startswith(";--") and not line.lstrip().startswith(";---")
        lines.append("" if inside or begins or line.lstrip().startswith(";") else line)
        inside = (inside or begins) and "--;" not in line
    return lines
