"""Published menus. Written by the command line; read by the IVR server. Rows are added, never changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table


class MenuVersion(Table):
    """One version of one menu: its whole text as reviewed. The highest `version` of a menu is what new callers hear;
    `like` says which version a rollback brought back."""

    __tablename__ = "menu_version"
    __table_args__ = (UniqueConstraint("menu", "version"),)

    id: Mapped[Id]
    menu: Mapped[str]
    version: Mapped[int]
    text: Mapped[str]
    sha256: Mapped[str]
    who: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    like: Mapped[int | None]
    published_at: Mapped[datetime] = mapped_column(server_default=func.now())
