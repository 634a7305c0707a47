"""The lines of a file read by processes of their own, in batches that arrive in order.

To read a number takes a tenth of a millisecond, and a line has three: one process would keep the database waiting.
A few batches are on their way at any time, so memory is bounded however long the file is. Called by the import.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice

import msgspec

from crm.rules.customer_lines import Columns, Fault, Line, read_line
from crm.spreadsheets import Row

BATCH = 1000
READERS = 2
AHEAD = READERS + 1
_BESIDE_IT_PAYS = 2 * BATCH
"""A process takes a second to start: a short file is read without."""


class Read(msgspec.Struct, frozen=True):
    """Some lines in order, and how far they reach into the file (bytes)."""

    lines: list[tuple[int, Line | Fault]]
    at: int


async def read_lines(rows: Iterator[Row], columns: Columns, country: str) -> AsyncIterator[Read]:
    """All lines of the file, a batch at a time."""
    first = list(islice(rows, _BESIDE_IT_PAYS))
    if len(first) < _BESIDE_IT_PAYS:
        for start in range(0, len(first), BATCH):
            batch = first[start : start + BATCH]
            yield Read(_read((columns, batch, country)), batch[-1].at)
        return
    with _readers() as readers:
        async for read in _side_by_side(readers, first, rows, columns, country):
            yield read


async def _side_by_side(
    readers: Executor, first: list[Row], rows: Iterator[Row], columns: Columns, country: str
) -> AsyncIterator[Read]:
    loop = asyncio.get_running_loop()
    under_way: deque[tuple[asyncio.Future[list[tuple[int, Line | Fault]]], int]] = deque()

    def begin(batch: Sequence[Row]) -> None:
        work = (columns, list(batch), country)
        under_way.append((loop.run_in_executor(readers, _read, work), batch[-1].at))

    for start in range(0, len(first), BATCH):
        begin(first[start : start + BATCH])
    while True:
        while len(under_way) < AHEAD and (batch := list(islice(rows, BATCH))):
            begin(batch)
        if not under_way:
            return
        lines, at = under_way.popleft()
        yield Read(await lines, at)


def _read(work: tuple[Columns, list[Row], str]) -> list[tuple[int, Line | Fault]]:
    columns, batch, country = work
    return [(row.line, read_line(columns, row.cells, country)) for row in batch]


@contextmanager
def _readers() -> Iterator[Executor]:
    # Forked anew from a clean server: this process has an event loop and connections that must not be shared.
    context = multiprocessing.get_context("spawn")
    readers = ProcessPoolExecutor(READERS, mp_context=context, initializer=_go_with, initargs=(os.getpid(),))
    try:
        yield readers
    finally:
        readers.shutdown(wait=False, cancel_futures=True)


def _go_with(parent: int) -> None:
    """A reader whose import was killed would wait for work for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
