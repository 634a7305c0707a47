"""Asterisk servers as Kefu sees them: sight, lease and fence. Written by the bridge alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table


class Node(Table):
    """One Asterisk. `heard_at` moves each second while the bridge sees it, so an idle floor is not stale.

    `lost_at` is set while sight is lost; `fence` grows with every bridge that takes the lease, and a batch
    carrying an older fence is refused.
    """

    __tablename__ = "node"

    name: Mapped[str] = mapped_column(primary_key=True)
    heard_at: Mapped[datetime | None]
    lost_at: Mapped[datetime | None]
    asterisk_version: Mapped[str | None]
    fence: Mapped[int] = mapped_column(default=0)
    lease_holder: Mapped[str | None]
    lease_until: Mapped[datetime | None]
