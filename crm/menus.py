"""Versions of the menus that callers hear: published, listed, brought back. Rows are added, never changed.

Called by the command line (which checks a text before) and by the IVR server (which checks it again before it takes
it up). `kefu_menus` carries the name of a menu that has a new version: a hint, the rows are the truth.
"""

from __future__ import annotations

import hashlib
import re

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.menus import MenuVersion
from .tables.queues import Queue

MENUS = "kefu_menus"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LOCK = 0x6D656E75  # "menu" in ASCII


async def publish(
    session: AsyncSession, *, menu: str, text: str, who: str, note: str = "", like: int | None = None
) -> MenuVersion:
    """The next version of a menu; its callers hear it from now on. Refusal when the newest version is the same text."""
    if not _NAME.fullmatch(menu):
        raise Refusal(f'{menu!r} is no name of a menu: use small letters, digits and "_", a letter first')
    # Two who publish at once take turns, so that no number is given twice.
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(menu))))
    newest = await current(session, menu)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if newest is not None and newest.sha256 == sha256:
        raise Refusal(f"version {newest.version} of {menu} is this text already: nothing to publish")
    version = MenuVersion(
        menu=menu,
        version=newest.version + 1 if newest else 1,
        text=text,
        sha256=sha256,
        who=_one_line(who),
        note=_one_line(note),
        like=like,
    )
    session.add(version)
    await session.flush()
    await session.refresh(version)
    await session.execute(select(func.pg_notify(MENUS, menu)))
    return version


async def current(session: AsyncSession, menu: str) -> MenuVersion | None:
    """The version that new callers of this menu hear; None: the shipped file."""
    newest = select(MenuVersion).where(MenuVersion.menu == menu).order_by(MenuVersion.version.desc()).limit(1)
    found: MenuVersion | None = await session.scalar(newest)
    return found


async def all_current(session: AsyncSession) -> list[MenuVersion]:
    """The newest version of each menu."""
    newest = select(MenuVersion.menu, func.max(MenuVersion.version)).group_by(MenuVersion.menu)
    wanted = select(MenuVersion).where(tuple_(MenuVersion.menu, MenuVersion.version).in_(newest))
    return list(await session.scalars(wanted.order_by(MenuVersion.menu)))


async def find(session: AsyncSession, menu: str, version: int) -> MenuVersion:
    """One version. Refusal when there is none of this number."""
    wanted = select(MenuVersion).where(MenuVersion.menu == menu, MenuVersion.version == version)
    found: MenuVersion | None = await session.scalar(wanted)
    if found is None:
        raise Refusal(f"there is no version {version} of {menu}: see `kefu ivr versions`")
    return found


async def versions_of(session: AsyncSession, menu: str | None = None) -> list[MenuVersion]:
    """All versions, newest first; of one menu or of all."""
    wanted = select(MenuVersion).order_by(MenuVersion.menu, MenuVersion.version.desc())
    return list(await session.scalars(wanted.where(MenuVersion.menu == menu) if menu else wanted))


async def queue_names(session: AsyncSession) -> frozenset[str]:
    """The queues there are, beside those that the shipped dialplan has."""
    return frozenset(await session.scalars(select(Queue.name)))


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:500]
