"""The internal directory: departments, and whom to reach in them. Written by the web and the command line."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table


class Department(Table):
    """A part of the company that answers work orders. `answer_minutes`: open minutes it takes, unless an order says
    otherwise."""

    __tablename__ = "department"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_en: Mapped[str]
    name_zh: Mapped[str]
    answer_minutes: Mapped[int] = mapped_column(server_default=text("480"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))


class DirectoryEntry(Table):
    """One person or place to reach. `matters`: what to reach them for. `found_by`: the name as it is, in pinyin in full
    and by initials, lower case: made on write. `agent_id`: the account by which they answer their department's work
    orders."""

    __tablename__ = "directory_entry"
    __table_args__ = (
        UniqueConstraint("department", "name", "extension"),
        Index("ix_directory_entry_agent_id", "agent_id", postgresql_where=text("agent_id IS NOT NULL")),
    )

    id: Mapped[Id]
    name: Mapped[str]
    department: Mapped[str] = mapped_column(ForeignKey("department.code"))
    position: Mapped[str] = mapped_column(server_default=text("''"))
    matters: Mapped[str] = mapped_column(server_default=text("''"))
    extension: Mapped[str] = mapped_column(server_default=text("''"))
    mobile: Mapped[str] = mapped_column(server_default=text("''"))
    email: Mapped[str] = mapped_column(server_default=text("''"))
    found_by: Mapped[str]
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id", ondelete="SET NULL"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))
