"""The menus that callers hear now, by name: the published version, else the last one known, else the shipped file.

Handed to the server in place of a plain table of flows: each call takes the menu as it stands when the call begins, and
keeps it to its end. A new version is taken up without a restart; one that does not pass the check is refused and the
one before stays. What was taken up last is also kept in a file, so that a server that starts while the database is away
says what callers heard before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec
import structlog

from crm import menus
from crm.database import Database
from crm.refusals import CrmUnavailable
from crm.tables.menus import MenuVersion

from . import shipped
from .flows.menu import walk
from .menu.checking import check_menu
from .menu.codes import Fault
from .menu.known import Known
from .menu.tree import Menu
from .steps import Flow

LOOK_EVERY_S = 30.0
_log = structlog.get_logger("agi.menus")


class KeptMenu(msgspec.Struct, frozen=True):
    """A version as it lies in the data folder."""

    menu: str
    version: int
    text: str


class MenuShelf(Mapping[str, Callable[[], Flow]]):
    """Name → a maker of flows. Refuses to begin when a shipped menu is faulty."""

    def __init__(self, kept_in: Path | None = None) -> None:
        known = shipped.known()
        self._kept_in = kept_in
        self._menus: dict[str, Menu] = {name: shipped.load_menu(name) for name in shipped.menu_names()}
        self._refused: set[tuple[str, int, str]] = set()
        self._look = asyncio.Event()
        for kept in self._kept():
            self._take(kept.menu, kept.version, kept.text, known)

    def __getitem__(self, name: str) -> Callable[[], Flow]:
        return partial(walk, self._menus[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._menus)

    def __len__(self) -> int:
        return len(self._menus)

    @property
    def versions(self) -> dict[str, int | None]:
        """Which version of each menu new callers hear; None is the shipped file."""
        return {name: menu.version for name, menu in sorted(self._menus.items())}

    async def follow(self, database: Database) -> None:
        """Take up what is published, until cancelled: at each hint, and now and then without one."""
        listening = asyncio.create_task(self._listen(database))
        try:
            while True:
                self._look.clear()
                try:
                    await self.look(database)
                except CrmUnavailable as away:
                    _log.info("menus stay as they are until the database answers", why=str(away))
                except Exception:  # noqa: BLE001 - a bug here must not end the menus of all callers
                    _log.exception("menus could not be looked at")
                try:
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._look.wait()
                except TimeoutError:
                    pass
        finally:
            listening.cancel()

    async def look(self, database: Database) -> None:
        """Take up every newer version there is."""
        async with database.reading() as session:
            newest = await menus.all_current(session)
            more_queues = await menus.queue_names(session)
        new = [version for version in newest if self._is_new(version)]
        if not new:
            return
        # Read anew: prompts may have been added since the server began.
        known = await asyncio.to_thread(shipped.known, more_queues)
        for version in new:
            # Checking a large menu takes a while, and callers are being served on this loop.
            taken = await asyncio.to_thread(check_menu, version.text, f"{version.menu}.yaml", known)
            if taken[0] is None:
                self._refused.add((version.menu, version.version, version.sha256))
            self._put(version.menu, version.version, version.text, *taken)

    async def _listen(self, database: Database) -> None:
        async with database.listening(menus.MENUS) as hints:
            async for _menu in hints:
                self._look.set()

    def _is_new(self, version: MenuVersion) -> bool:
        if (version.menu, version.version, version.sha256) in self._refused:
            return False
        now = self._menus.get(version.menu)
        return now is None or (now.version, now.sha256) != (version.version, version.sha256)

    def _take(self, name: str, version: int, text: str, known: Known) -> None:
        self._put(name, version, text, *check_menu(text, f"{name}.yaml", known))

    def _put(self, name: str, version: int, text: str, menu: Menu | None, faults: list[Fault]) -> None:
        if menu is None:
            fault = next(str(fault) for fault in faults if fault.stops)
            _log.error("a published menu is faulty: the one before stays", menu=name, version=version, fault=fault)
            return
        self._menus[name] = msgspec.structs.replace(menu, name=name, version=version)
        _log.info("menu taken up", menu=name, version=version)
        self._keep(KeptMenu(name, version, text))

    def _kept(self) -> list[KeptMenu]:
        found = []
        for path in sorted(self._kept_in.glob("*.json")) if self._kept_in else ():
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=KeptMenu))
            except (OSError, msgspec.MsgspecError) as unreadable:
                _log.warning("a kept menu cannot be read", file=str(path), why=str(unreadable))
        return found

    def _keep(self, kept: KeptMenu) -> None:
        if self._kept_in is None:
            return
        path = self._kept_in / f"{kept.menu}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".new")
            beside.write_bytes(msgspec.json.encode(kept))
            beside.replace(path)
        except OSError as refused:
            _log.warning("a menu cannot be kept for bad days", file=str(path), why=str(refused))
