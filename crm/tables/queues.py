"""Queues as the call center knows them; Asterisk keeps its own settings in asterisk-conf. Written by web and CLI."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table, one_of

DIALLING = ("agent_first", "customer_first")


class Queue(Table):
    """A queue. `service_level_s`: an answer within so many seconds counts as in time. `last_agent_s`: so long a caller
    waits for the agent who served them last before anybody else is rung (0: no such try). `announce_wait`: callers are
    told their place and an honest range before they wait, where one can be given. `acw_limit_s`: so long the work after
    its calls may last before it ends by itself (none: for good). `callback_dialling`: who is rung first for a promised
    callback."""

    __tablename__ = "queue"
    __table_args__ = (one_of("callback_dialling", DIALLING),)

    name: Mapped[str] = mapped_column(primary_key=True)
    title_en: Mapped[str]
    title_zh: Mapped[str]
    service_level_s: Mapped[int] = mapped_column(default=20)
    last_agent_s: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    announce_wait: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    acw_limit_s: Mapped[int | None]
    callback_dialling: Mapped[str] = mapped_column(default="agent_first", server_default=text("'agent_first'"))
