"""One person's files: recordings of their messages, and whatever under the data folder names them.

Recordings go whole. In the raw ring, which the bridge writes on, names and numbers are written over in place, sign for
sign, so that no reader and no writer is disturbed. An export or any other file of ours that names them goes whole: it
can be made again. Called by the deeds of erasure. Blocking: call it in a thread.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .rules.identity import Identity

RING = "raw"
EXPORTS = "exports"
_PIECE = 1 << 20
_OVERLAP = 200


def recordings(folder: Path, names: list[str]) -> list[Path]:
    """Those of these files that are there: plain files in the folder itself."""
    found = []
    for name in names:
        path = folder / name
        if path.name == name and path.is_file() and not path.is_symlink():
            found.append(path)
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def naming(data_folder: Path, who: Identity) -> list[Path]:
    """Files of the raw ring and of exports in which the person is named."""
    ring = [path for path in _files(data_folder / RING) if _finds(path, who)]
    return ring + [path for path in _files(data_folder / EXPORTS) if _finds_anywhere(path, who)]


def write_over(path: Path, who: Identity) -> int:
    """Put every mention out of sight without moving a byte; return how many there were."""
    pattern, written = _pattern(who), 0
    with path.open("r+b") as file:
        for at, piece in _pieces(path):
            for found in pattern.finditer(piece):
                file.seek(at + found.start())
                file.write(b"x" * (found.end() - found.start()))
                written += 1
    return written


def is_ring(path: Path, data_folder: Path) -> bool:
    """Whether a file is of the raw ring."""
    return path.is_relative_to(data_folder / RING)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _finds(path: Path, who: Identity) -> bool:
    pattern = _pattern(who)
    return any(pattern.search(piece) for _, piece in _pieces(path))


def _finds_anywhere(path: Path, who: Identity) -> bool:
    """Also inside what is packed, as a workbook is."""
    if not zipfile.is_zipfile(path):
        return _finds(path, who)
    pattern = _pattern(who)
    with zipfile.ZipFile(path) as packed:
        return any(pattern.search(packed.read(name)) for name in packed.namelist())


def _pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """The file in pieces that overlap, so that nothing falls between two."""
    with path.open("rb") as file:
        at, kept = 0, b""
        while read := file.read(_PIECE):
            yield at - len(kept), kept + read
            at += len(read)
            kept = (kept + read)[-_OVERLAP:]


def _pattern(who: Identity) -> re.Pattern[bytes]:
    """The same pattern on bytes: a number's is of ASCII, a name's bytes are what they are."""
    source = who.certain_pattern.pattern.replace(r"(?<!\w)", "").replace(r"(?!\w)", "")
    return re.compile(source.encode(), re.IGNORECASE)
