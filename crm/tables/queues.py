"""Queues as the call center knows them; Asterisk keeps its own settings in asterisk-conf. Written by web and CLI."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table


class Queue(Table):
    """A queue. `service_level_s`: an answer within so many seconds counts as in time."""

    __tablename__ = "queue"

    name: Mapped[str] = mapped_column(primary_key=True)
    title_en: Mapped[str]
    title_zh: Mapped[str]
    service_level_s: Mapped[int] = mapped_column(default=20)
