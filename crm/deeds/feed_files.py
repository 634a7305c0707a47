"""Files of orders and facts: read once each, in bounded bites, going on where a cut reading stopped.

CSV (comma, semicolon or tab; UTF-8 with or without BOM, or GBK) or JSON lines. Each bite is one transaction with the
place it reached, so kill -9 costs at most a bite, and none is written twice. Called by the command line, and by the
worker for whatever lies in the feed folder.
"""

from __future__ import annotations

import asyncio
import codecs
import csv
import hashlib
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import structlog
from msgspec import Struct, structs

from crm import feeds
from crm.database import Database
from crm.refusals import Refusal
from crm.rules.feed_lines import FACT_NEEDS, ORDER_NEEDS, Fault, columns_of
from crm.settings import Settings
from crm.tables.facts import FeedFile

from .feed_orders import Fed, feed_facts, feed_orders

log = structlog.get_logger(__name__)

BITE = 500
LONGEST_LINE = 64 * 1024
SUFFIXES = (".csv", ".txt", ".jsonl", ".ndjson")
SETTLED_AFTER_S = 5.0
"""A file of the folder that was written to so lately is left for the next look."""
NEEDS = {"orders": ORDER_NEEDS, "facts": FACT_NEEDS}

Line = Mapping[str, object]
Mark = tuple[str, int, int]
_known: dict[Mark, str] = {}


class Looked(Struct, frozen=True):
    """What one pass over the bytes tells: what the file is, whatever its name, and how its characters are written."""

    digest: str
    encoding: str


class FileRefused(Refusal):
    """The file is none that can be read; nothing of it was written, or nothing more."""


async def read_file(
    database: Database,
    settings: Settings,
    path: Path,
    *,
    kind: str,
    source: str | None = None,
    again: bool = False,
    tell: bool = True,
    progress: Callable[[int], None] | None = None,
) -> FeedFile:
    """Take in a file of `orders` or `facts`; returns its row. One that was read before writes nothing, unless `again`.

    `progress` is told the rows done so far. FileRefused with a sentence for what is no such file.
    """
    looked = await asyncio.to_thread(_look, path)
    source = source or path.name
    async with database.transaction() as session:
        file = await feeds.begin(session, kind=kind, digest=looked.digest, name=path.name, source=source)
        if file.kind != kind:
            raise FileRefused(f"{path.name} was read before as {file.kind}")
        if again or file.state == "refused":
            await feeds.forget(session, file)
    if file.state == "done":
        return file
    try:
        await _read(database, settings, path, looked.encoding, file, tell, progress)
    except FileRefused:
        async with database.transaction() as session:
            await feeds.end(session, file, "refused")
        raise
    async with database.transaction() as session:
        await feeds.end(session, file, "done")
        return await feeds.begin(session, kind=kind, digest=looked.digest, name=path.name, source=source)


async def run(database: Database, settings: Settings) -> None:
    """What came into the feed folder since the last look: files named orders… and facts…, the oldest first."""
    if settings.feed_folder is None:
        return
    for kind, mark, path in await asyncio.to_thread(_waiting, settings.feed_folder):
        try:
            file = await read_file(database, settings, path, kind=kind)
        except FileRefused as refused:
            log.warning("feed_refused", file=path.name, why=str(refused))
        else:
            log.info("feed_read", file=path.name, added=file.added, changed=file.changed, faulty=file.faulty)
        _known[mark] = kind  # as it was before the reading: what came meanwhile makes it another


async def _read(
    database: Database,
    settings: Settings,
    path: Path,
    encoding: str,
    file: FeedFile,
    tell: bool,
    progress: Callable[[int], None] | None,
) -> None:
    done = file.rows_done
    with path.open(encoding=encoding, newline="", errors="strict") as opened:
        lines = _lines(opened, path, file.kind)
        await asyncio.to_thread(_skip, lines, done)
        while bite := await asyncio.to_thread(_bite, lines):
            async with database.transaction() as session:
                said: dict[str, Any] = {"source": file.source, "country": settings.country, "zone": settings.zone}
                said["first_line"] = done + 1
                if file.kind == "orders":
                    fed = await feed_orders(session, bite, **said, tell=tell)
                else:
                    fed = await feed_facts(session, bite, **said)
                if not await feeds.step(session, file, done, **_counts(fed, len(bite))):
                    raise Refusal(f"{path.name} is being read by somebody else: see `kefu order feeds`")
            done += len(bite)
            if progress:
                progress(done)


def _counts(fed: Fed, rows: int) -> dict[str, Any]:
    faults = json.dumps([structs.asdict(fault) for fault in fed.faults], ensure_ascii=False)
    return {
        "rows": rows,
        "added": fed.added,
        "changed": fed.changed,
        "same": fed.same,
        "faulty": len(fed.faults),
        "faults": faults,
    }


def _look(path: Path) -> Looked:
    """Read all bytes once: SHA-256, and whether they are UTF-8."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    encoding = "utf-8-sig"
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                if encoding == "utf-8-sig":
                    try:
                        decoder.decode(block)
                    except UnicodeDecodeError:
                        encoding = "gb18030"
    except OSError as unreadable:
        raise FileRefused(f"{path} cannot be read: {unreadable.strerror}") from None
    return Looked(digest.hexdigest(), encoding)


def _lines(file: TextIO, path: Path, kind: str) -> Iterator[Line]:
    """The lines of a file as named values; FileRefused for what is neither CSV nor JSON lines."""
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return _json_lines(file, path)
    return _csv_lines(file, path, kind)


def _json_lines(file: TextIO, path: Path) -> Iterator[Line]:
    number = 0
    try:
        while text := file.readline(LONGEST_LINE):
            number += 1
            if not text.strip():
                continue
            row = json.loads(text, parse_float=str)
            if not isinstance(row, dict):
                raise FileRefused(f"{path.name}, line {number}: one JSON object a line is needed")
            yield row
    except (ValueError, RecursionError) as broken:
        raise FileRefused(f"{path.name}, line {number}: this is no JSON ({_short(broken)})") from None


def _csv_lines(file: TextIO, path: Path, kind: str) -> Iterator[Line]:
    number = 2
    try:
        header = file.readline(LONGEST_LINE)
        delimiter = max(",;\t", key=header.count)
        names = next(csv.reader([header], delimiter=delimiter), [])
        try:
            columns_of(names, NEEDS[kind])
        except Fault as fault:
            raise FileRefused(f"{path.name}: {fault}") from None
        rows = csv.reader(file, delimiter=delimiter)
        for row in rows:
            number = rows.line_num + 1
            if any(row):
                yield dict(zip(names, row, strict=False))
    except (csv.Error, UnicodeDecodeError) as broken:
        raise FileRefused(f"{path.name}, near line {number}: this is no CSV ({_short(broken)})") from None


def _skip(lines: Iterator[Line], count: int) -> None:
    next(itertools.islice(lines, count, count), None)


def _bite(lines: Iterator[Line]) -> list[Line]:
    return list(itertools.islice(lines, BITE))


def _short(failure: BaseException) -> str:
    if isinstance(failure, UnicodeDecodeError):
        return "its characters are neither UTF-8 nor GBK"
    return str(failure)[:120] or type(failure).__name__


def _mark(path: Path) -> Mark:
    stat = path.stat()
    return str(path), stat.st_size, stat.st_mtime_ns


def _waiting(folder: Path) -> list[tuple[str, Mark, Path]]:
    """Settled files of the folder that this process has not read as they are, the oldest first."""
    found = []
    try:
        for path in folder.iterdir():
            kind = next((kind for kind in NEEDS if path.name.lower().startswith(kind)), None)
            if kind is None or path.suffix.lower() not in SUFFIXES or not path.is_file():
                continue
            mark = _mark(path)
            if mark not in _known and time.time() - mark[2] / 1e9 > SETTLED_AFTER_S:
                found.append((kind, mark, path))
    except OSError as unreadable:
        log.warning("feed_folder_unreadable", folder=str(folder), why=unreadable.strerror)
    return sorted(found, key=lambda each: each[1][2])
