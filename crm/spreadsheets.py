"""Tables that people keep in files, as rows of texts: CSV in the encodings that are met, and XLSX.

A file is looked at once as a whole (what it is, in which encoding, its digest), then read row by row in bounded memory
however large it is. Every fault is one sentence that names the line and says how to mend it. Called by deeds that take
files in; knows no customer.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from .refusals import Refusal

LONGEST_LINE = 1_000_000
SEPARATORS = ",;\t|"
_PIECE = 1 << 20
_UNPACKED_AT_MOST = 4_000_000_000
_STRINGS_AT_MOST = 400_000_000
_OFFICE = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
EXACT = 10**15
"""Spreadsheets keep fifteen digits of a number."""


class LookedAt(Struct, frozen=True):
    """A file before it is read. `encoding` is None for XLSX; `size` in bytes; `digest`: SHA-256 in hex."""

    path: Path
    encoding: str | None
    digest: str
    size: int


class Row(Struct, frozen=True):
    """One row, by the line it begins on. `at`: how far the file is read, of its size (for XLSX: 0)."""

    line: int
    cells: list[str]
    at: int


class Unreadable(Refusal):
    """The file cannot be read (any further)."""


def look_at(path: Path) -> LookedAt:
    """What kind of file this is. Raises Unreadable for what is no table in any encoding that is known here."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start == _OFFICE[1]:
            raise Unreadable(f"{path.name} is an old Excel file (.xls): save it as .xlsx or as CSV")
        encoding = None if start == _OFFICE[0] else _encoding(path, start)
        return LookedAt(path, encoding, _digest(path), path.stat().st_size)
    except OSError as away:
        raise Unreadable(f"{path} cannot be read: {away.strerror or away}") from None


def rows(file: LookedAt) -> Iterator[Row]:
    """All rows that hold anything, the first (the headers) included. Raises Unreadable where it cannot go on."""
    yield from _of_csv(file, file.encoding) if file.encoding else _of_xlsx(file)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _encoding(path: Path, start: bytes) -> str:
    for mark, name in _MARKS:
        if start.startswith(mark):
            fault = _undecodable(path, name)
            if fault:
                raise Unreadable(f"{path.name} begins as {name.upper()}, and {fault}: save it anew as CSV UTF-8")
            return name
    fault = _undecodable(path, "utf-8")
    if fault is None:
        return "utf-8"
    if _undecodable(path, "gb18030") is None:
        return "gb18030"
    raise Unreadable(f"{path.name} is neither UTF-8 nor GBK ({fault}): save it as CSV UTF-8")


def _undecodable(path: Path, encoding: str) -> str | None:
    """Where the file is no text of this encoding; None when it is one throughout."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            try:
                text = decoder.decode(piece)
            except UnicodeDecodeError as fault:
                return f"line {line + piece[: fault.start].count(10)} holds the byte {piece[fault.start]:#04x}"
            if "\x00" in text:
                return f"line {line + text[: text.index(chr(0))].count(chr(10))} holds a zero byte, as no text does"
            line += text.count("\n")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return f"line {line} ends in the middle of a character"
    return None


def _of_csv(file: LookedAt, encoding: str) -> Iterator[Row]:
    """`line_num` counts the lines that were read, so a row begins on the one after the last row's end."""
    with file.path.open("rb") as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
        first = text.readline(LONGEST_LINE)
        text.seek(0)
        reader = csv.reader(_lines(text, file.path.name), delimiter=_separator(first), strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as fault:
                raise Unreadable(
                    f"{file.path.name}, line {line}: {_meant(str(fault))}: mend that line; what stands before it is "
                    "read already"
                ) from None
            if any(cell.strip() for cell in cells):
                yield Row(line, cells, raw.tell())


def _lines(text: Any, name: str) -> Iterator[str]:
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            raise Unreadable(f"{name}, line {number} has more than {LONGEST_LINE} characters: is this a CSV file?")
        yield line


def _separator(first: str) -> str:
    return max(SEPARATORS, key=first.count)


def _meant(fault: str) -> str:
    if "field limit" in fault or "unexpected end" in fault:
        return "a quotation mark that begins a text here is never closed"
    if "expected after" in fault:
        return "something stands between a closing quotation mark and the next separator"
    return f"it cannot be read ({fault})"


def _of_xlsx(file: LookedAt) -> Iterator[Row]:
    """The first sheet. Formulas come as they are written, not as what they gave."""
    import openpyxl

    name = file.path.name
    _weigh(file.path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions, none of which are read
            book = openpyxl.load_workbook(file.path, read_only=True, data_only=False, keep_links=False)
            width = 0
            for line, values in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
                cells = [_text(value) for value in values]
                while cells and not cells[-1].strip():
                    cells.pop()
                if cells:
                    width = width or len(cells)
                    yield Row(line, cells + [""] * (width - len(cells)), 0)
            book.close()
    except Unreadable:
        raise
    except Exception as broken:  # a hostile file fails anywhere inside zip, XML and openpyxl
        raise Unreadable(
            f"{name} cannot be read as a spreadsheet ({type(broken).__name__}): open it and save it anew"
        ) from broken


def _weigh(path: Path) -> None:
    """A small file may unpack to any size."""
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        raise Unreadable(f"{path.name} is a broken spreadsheet: open it and save it anew, or save it as CSV") from None
    strings = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    if sum(part.file_size for part in parts) > _UNPACKED_AT_MOST or strings > _STRINGS_AT_MOST:
        raise Unreadable(f"{path.name} is too large for a spreadsheet: save it as CSV, which may have any size")


def _text(value: object) -> str:
    """A cell as a text. A number with more digits than a spreadsheet keeps is written so that it shows."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    if isinstance(value, int | float) and abs(value) >= EXACT:
        return f"{value:.2E}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
