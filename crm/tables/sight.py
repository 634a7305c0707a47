"""What was not seen of an Asterisk, and what a look at it had to mend. Written by the bridge alone."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table


class BlindWindow(Table):
    """A time in which nobody looked at this node. `to_at` null: it still lasts.

    `backfilled_at`: when Asterisk's own files were last read for it; null: not yet. `rows_reconstructed` counts what
    they gave; `calls_pending`: calls that touch it and were not over then, so that it is read for once more.
    `trouble`: why the files could not be read, or what of them is missing.
    """

    __tablename__ = "blind_window"
    __table_args__ = (
        Index("ix_blind_window_open", "node", postgresql_where=text("backfilled_at IS NULL OR calls_pending > 0")),
    )

    node: Mapped[str] = mapped_column(primary_key=True)
    from_at: Mapped[datetime] = mapped_column(primary_key=True)
    to_at: Mapped[datetime | None]
    why: Mapped[str]
    backfilled_at: Mapped[datetime | None]
    rows_reconstructed: Mapped[int] = mapped_column(server_default=text("0"))
    calls_pending: Mapped[int] = mapped_column(server_default=text("0"))
    trouble: Mapped[str | None]


class Correction(Table):
    """A look contradicted the mirror, and no event explained it. `what` says in one sentence what was mended.

    `drift`: the mirror was wrong although it had seen everything; false right after a blind window, when the look is
    there to find what happened meanwhile.
    """

    __tablename__ = "correction"
    __table_args__ = (Index("ix_correction_at", "node", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    at: Mapped[datetime]
    what: Mapped[str]
    drift: Mapped[bool]


class FileOffset(Table):
    """How far one of Asterisk's own files need not be read again: all before `position` is of calls that are over.

    `inode` tells a rotated file from its successor. `at`: when that was so.
    """

    __tablename__ = "file_offset"

    node: Mapped[str] = mapped_column(primary_key=True)
    file: Mapped[str] = mapped_column(primary_key=True)
    inode: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
