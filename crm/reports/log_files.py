"""Asterisk's own files, read line by line: plain or packed (.gz, .xz, .bz2), with the lines that cannot be read.

Bytes that are no UTF-8 are kept as they came (surrogates): names may hold any. Called by reconcile and history.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import IO, Any

from msgspec import Struct, field

from crm.refusals import Refusal
from crm.rules.cel import CelEvent, read_record, whole_records
from crm.rules.log_lines import BadLine
from crm.rules.queue_log import Line, read_line

NAMED_AT_MOST = 100
_PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_CHUNK = 1 << 20
Progress = Callable[[int], None]
"""Told how many bytes of the file were read since the last call."""


class Unreadable(Refusal):
    """The file cannot be read at all."""


class Faults(Struct):
    """Lines that said nothing usable: all counted, the first of them named."""

    count: int = 0
    named: list[dict[str, object]] = field(default_factory=list)

    def add(self, file: Path, number: int, fault: BadLine) -> None:
        self.count += 1
        if len(self.named) < NAMED_AT_MOST:
            self.named.append({"file": file.name, "line": number, "why": fault.why, "text": fault.text})


def queue_log_lines(
    file: Path, zone: tzinfo, faults: Faults, progress: Progress | None = None
) -> Iterator[tuple[int, Line]]:
    """Numbered lines of a queue_log. A last line without its newline counts as half written."""
    with _opened(file) as stream:
        for number, raw in enumerate(stream, 1):
            if progress is not None:
                progress(len(raw))
            text = raw.decode("utf-8", "surrogateescape")
            if not text.strip():
                continue
            line = read_line(text, zone)
            if not text.endswith("\n"):
                line = BadLine("half a line: it ends without a line feed", text[:60])
            if isinstance(line, BadLine):
                faults.add(file, number, line)
            else:
                yield number, line


def cel_events(file: Path, zone: tzinfo, faults: Faults) -> Iterator[CelEvent]:
    """Records of a CEL file as asterisk-conf writes it."""
    with _opened(file) as stream:
        decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        rest, number = "", 0
        while chunk := stream.read(_CHUNK):
            records, rest = whole_records(rest + decode(chunk))
            for record in records:
                number += 1 + record.count("\n")
                event = read_record(record, zone)
                if isinstance(event, BadLine):
                    faults.add(file, number, event)
                else:
                    yield event
        if rest.strip():
            faults.add(file, number + 1, BadLine("half a record: it ends without a line feed", rest[:60]))


def storable(text: str | None) -> str | None:
    """Text from a file as Postgres takes it: what it refuses is replaced."""
    if text is None:
        return None
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\x00", "\ufffd")


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    opener = _PACKED.get(file.suffix)
    try:
        with opener(file, "rb") if opener else file.open("rb") as stream:
            yield stream
    except (gzip.BadGzipFile, lzma.LZMAError, EOFError) as broken:
        raise Unreadable(f"{file} is no whole {file.suffix} file ({broken}): unpack it, or take another copy") from None
    except OSError as fault:
        raise Unreadable(
            f"{file} cannot be read ({fault.strerror or fault}): name a file that this user may read"
        ) from None
