"""Notifications sent with a transaction: what may have changed, never what it is. Whoever hears one reads the rows.

`kefu_wishes` carries the name of a node that has a new wish (its bridge's outbox listens). `kefu_live` carries
`{"node": …, "seats": […], "queues": […]}`, ids only (pages listen); the bridge sends the same from its batches.
`kefu_hours` says that opening hours or notices changed (the IVR listens). `kefu_announced` says that there is something
to tell the world outside (the worker listens).
Postgres sends them at commit, and folds equal ones of a transaction into one.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

WISHES = "kefu_wishes"
LIVE = "kefu_live"
HOURS = "kefu_hours"
ANNOUNCED = "kefu_announced"


class Live(msgspec.Struct, frozen=True):
    """What `kefu_live` carries. Empty lists: a call that no seat has to do with yet; `all`: anything of the node."""

    node: str
    seats: list[str] = []
    queues: list[str] = []
    all: bool = False


async def hint_wishes(session: AsyncSession, node: str) -> None:
    """Wake the outbox of `node` at commit."""
    await session.execute(select(func.pg_notify(WISHES, node)))


async def hint_live(session: AsyncSession, node: str, *, seats: Iterable[str] = (), queues: Iterable[str] = ()) -> None:
    """Wake the pages that show these seats and queues at commit."""
    hint = Live(node, sorted(set(seats)), sorted(set(queues)))
    await session.execute(select(func.pg_notify(LIVE, msgspec.json.encode(hint).decode())))


async def hint_hours(session: AsyncSession) -> None:
    """Tell the IVR at commit that opening hours or notices changed, and the pages that show them."""
    await session.execute(select(func.pg_notify(HOURS, "")))
    await hint_live(session, "")


async def hint_announced(session: AsyncSession) -> None:
    """Wake the worker at commit: something was announced."""
    await session.execute(select(func.pg_notify(ANNOUNCED, "")))
