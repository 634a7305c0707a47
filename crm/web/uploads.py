"""Files of customers on their way in from a browser: read, and made customers, beside the pages.

Each is done in a thread with a loop and connections of its own, so that a large file never holds up a caller's card. It
is the work of `kefu customer import` itself: cut off at any point, it goes on where it stopped. What is remembered here
is only what goes on in this process; how far an import is stands in its row. Called by the page of imports.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import structlog

from crm import spreadsheets
from crm.database import Database
from crm.deeds import import_customers as deed
from crm.deeds.import_customers import Wanted
from crm.refusals import Refusal

from .headers import LARGEST_FILE

log = structlog.get_logger(__name__)

PREFIX = "kefu-upload-"
LEFT_BEHIND_S = 24 * 3600
FAULTS_KEPT = 100
Work = Callable[[Database], Awaitable[object]]


class TooLarge(Refusal):
    """The file is larger than a browser may send."""


class Uploads:
    """What this process reads and imports now, and what stopped it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._going_on: set[UUID] = set()
        self._faults: dict[UUID, str] = {}

    def going_on(self, import_id: UUID) -> bool:
        """Whether this process works at it now."""
        return import_id in self._going_on

    def fault(self, import_id: UUID) -> str | None:
        """The sentence with which reading it ended, if it ended so here."""
        return self._faults.get(import_id)

    async def check(self, file: BinaryIO, file_name: str, *, country: str, by: str) -> UUID:
        """Keep the file and begin its dry run; its import is returned at once. Raises Refusal for what is no table, or
        has no columns to go by."""
        await asyncio.to_thread(_sweep)
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=PREFIX))
        try:
            looked_at = await asyncio.to_thread(_keep, file, folder / plain_name(file_name))
            wanted = Wanted(looked_at, country, by=by)
            async with self._database.reading() as session:
                half_done = await deed.half_done(session, wanted)
            if half_done is not None:
                shutil.rmtree(folder, ignore_errors=True)
                return half_done
            begun = await deed.begin(self._database, wanted)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

        async def read(database: Database) -> None:
            try:
                await deed.check(database, wanted, _untold)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

        if not self._start(begun, read):
            shutil.rmtree(folder, ignore_errors=True)
        return begun

    def apply(self, import_id: UUID) -> None:
        """Begin, or go on, to make customers of its good lines."""

        async def make(database: Database) -> None:
            await deed.apply(database, import_id, _untold)

        self._start(import_id, make)

    def _start(self, import_id: UUID, work: Work) -> bool:
        if import_id in self._going_on:
            return False
        self._going_on.add(import_id)
        self._faults.pop(import_id, None)

        async def beside() -> None:
            database = self._database.beside("kefu-web-import")
            try:
                await work(database)
            finally:
                await database.close()

        def run() -> None:
            try:
                asyncio.run(beside())
            except Refusal as refused:
                self._note(import_id, str(refused))
            except Exception as broken:  # our own fault: the page says that it stopped, the log says why
                log.exception("import_broke", import_id=str(import_id))
                self._note(import_id, f"it stopped by a fault of ours ({type(broken).__name__}): see the log")
            finally:
                self._going_on.discard(import_id)

        threading.Thread(target=run, name=f"import {import_id}", daemon=True).start()
        return True

    def _note(self, import_id: UUID, sentence: str) -> None:
        while len(self._faults) >= FAULTS_KEPT:
            self._faults.pop(next(iter(self._faults)))
        self._faults[import_id] = sentence


def plain_name(given: str) -> str:
    """A name to keep a file by and to tell of it: no folders, nothing unseen, not too long."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(letter for letter in last if letter.isprintable()).strip(". ")
    return shown.encode()[-120:].decode(errors="ignore") or "file"


def _sweep() -> None:
    """Files that a killed process left behind go: people stand in them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime > LEFT_BEHIND_S:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _keep(file: BinaryIO, path: Path) -> spreadsheets.LookedAt:
    with path.open("wb") as kept:
        shutil.copyfileobj(file, kept)
    if path.stat().st_size > LARGEST_FILE:
        raise TooLarge(
            f"{path.name} is larger than {LARGEST_FILE >> 20} MB: an administrator takes it in by "
            f"`kefu customer import {path.name}`, whatever its size"
        )
    return spreadsheets.look_at(path)


def _untold(_what: str, _done: int, _of: int) -> None:
    """How far it is, the page reads from its row."""
