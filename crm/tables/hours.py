"""Days that are unlike the others, and what is said of queues now. Written by the command line and the web."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

NOTICE_KINDS = ("closed", "announcement")


class SpecialDay(Table):
    """One calendar day at the site with hours of its own. `queue` is '' for the whole site; `spans` as in the opening
    hours (`10:00-12:00 13:00-15:00`), '' for closed all day."""

    __tablename__ = "special_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(primary_key=True, default="")
    spans: Mapped[str]
    reason: Mapped[str]
    added_by: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class QueueNotice(Table):
    """What new callers of a queue ('' for all) are told from `since` on: that it is closed, or a prompt before they
    wait. Over when `ended_at` is set, or `until` has passed."""

    __tablename__ = "queue_notice"
    __table_args__ = (
        one_of("kind", NOTICE_KINDS),
        Index("uq_queue_notice_open", "queue", "kind", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[Id]
    queue: Mapped[str]
    kind: Mapped[str]
    prompt: Mapped[str | None]
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    since: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    until: Mapped[datetime | None]
    said_by: Mapped[str]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
