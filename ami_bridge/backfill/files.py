"""Asterisk's own files, read from where nothing more is needed of what stands before.

Rotation renames a file and begins a new one: the old one is found again by its inode among its neighbours. A copy that
was cut to nothing is shorter than the known position: it is read from its beginning. The last line may be a half one:
it is left for the next time. Called in a thread by filling.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

READ_AT_MOST = 256 * 1024 * 1024
_CHUNK = 256 * 1024


class Spot(Struct, frozen=True):
    """A place in a file, whatever the file is called now."""

    inode: int
    position: int


class Text(Struct):
    """What was read. `trouble`: one sentence when something may be missing."""

    lines: list[str]
    trouble: str | None = None


def end_of(file: Path) -> Spot | None:
    """Where the next line will be written; None when there is no such file (yet)."""
    try:
        found = file.stat()
    except OSError:
        return None
    return Spot(found.st_ino, found.st_size)


def read_from(file: Path, spot: Spot | None, at_most: int = READ_AT_MOST) -> Text:
    """All whole lines after `spot` (None: from the beginning), over rotated files, oldest first; of more than `at_most`
    bytes the last ones, for what nobody saw stands at the end. Raises OSError."""
    parts, trouble = _parts(file, spot)
    parts, cut = _last(parts, at_most)
    if cut:
        trouble = f"{file.name} has more than {at_most >> 20} MB to read: only its end was read (rotate it)"
    text = Text([], trouble)
    rest = b""
    for path, position in parts:
        for data in _chunks(path, position):
            *whole, rest = (rest + data).split(b"\n")
            if cut and whole:
                del whole[0]  # begun before what is read
                cut = False
            text.lines += [line.decode("utf-8", "replace") for line in whole]
        if path != file and rest:
            # A rotated file gets no more: its half line was cut short for good, and is no beginning of the next.
            text.lines.append(rest.decode("utf-8", "replace"))
            rest = b""
    return text


def _parts(file: Path, spot: Spot | None) -> tuple[list[tuple[Path, int]], str | None]:
    """The files to read, each from a position, oldest first."""
    found = file.stat()
    if spot is None:
        return [(file, 0)], None
    if found.st_ino == spot.inode:
        return [(file, spot.position if spot.position <= found.st_size else 0)], None
    # Sequential rotation, logrotate's and dates in names: all begin with the file's own name.
    older: list[tuple[float, Path, int, int]] = []
    for path in file.parent.glob(f"{file.name}?*"):
        try:
            kept = path.stat()
        except OSError:
            continue
        older.append((kept.st_mtime, path, kept.st_ino, kept.st_size))
    older.sort()
    rotated = next((index for index, (_, _, inode, _) in enumerate(older) if inode == spot.inode), None)
    if rotated is None:
        return [(file, 0)], f"{file.name} was rotated away: what stood in the old file is missing"
    _, path, _, size = older[rotated]
    begun = [(path, min(spot.position, size))]
    between = [(path, 0) for _, path, _, _ in older[rotated + 1 :] if path.suffix not in (".gz", ".xz", ".bz2", ".zst")]
    return [*begun, *between, (file, 0)], None


def _last(parts: list[tuple[Path, int]], at_most: int) -> tuple[list[tuple[Path, int]], bool]:
    """The same, without what stands more than `at_most` bytes before the end; whether anything was left out."""
    left = at_most
    kept: list[tuple[Path, int]] = []
    for path, position in reversed(parts):
        size = max(0, path.stat().st_size - position)
        kept.insert(0, (path, position + max(0, size - left)))
        if size > left:
            return kept, True
        left -= size
    return kept, False


def _chunks(path: Path, position: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(position)
        while data := stream.read(_CHUNK):
            yield data
