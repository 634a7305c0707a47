"""Agents, the seats they sit at, the queues they serve, their browsers. Written by the web and the command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

ENDED_WHYS = ("signed_out", "taken_over", "lease_over")
ROLES = ("agent", "supervisor", "quality", "department", "admin")


class Agent(Table):
    """A person who takes calls. `login` is typed at the sign-in, `password_hash` is argon2."""

    __tablename__ = "agent"
    __table_args__ = (one_of("role", ROLES),)

    id: Mapped[Id]
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="agent")
    language: Mapped[str] = mapped_column(default="en")
    active: Mapped[bool] = mapped_column(default=True)


class AgentQueue(Table):
    """A queue an agent serves; signing in asks Asterisk to add the seat to it with this penalty."""

    __tablename__ = "agent_queue"

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    queue: Mapped[str] = mapped_column(ForeignKey("queue.name", ondelete="CASCADE"), primary_key=True)
    penalty: Mapped[int] = mapped_column(default=0)


class AgentScope(Table):
    """A queue whose calls an agent may see. Without any row it is the role's, and without those all."""

    __tablename__ = "agent_scope"

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    queue: Mapped[str] = mapped_column(ForeignKey("queue.name", ondelete="CASCADE"), primary_key=True)


class RoleScope(Table):
    """A queue whose calls the people of a role may see, where an agent has no scope of their own."""

    __tablename__ = "role_scope"
    __table_args__ = (one_of("role", ROLES),)

    role: Mapped[str] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(ForeignKey("queue.name", ondelete="CASCADE"), primary_key=True)


class SeatSession(Table):
    """An agent sitting at a seat of a node, from sign-in to sign-out. One open a seat, one open an agent.

    `seen_at`: when their page last showed itself; `leaving_at`: they asked to sign out after the call; `ended_by` and
    `ended_why`: who ended it, and as what (signed_out, taken_over, lease_over)."""

    __tablename__ = "seat_session"
    __table_args__ = (
        Index(
            "uq_seat_session_open_seat",
            "node",
            "seat",
            unique=True,
            postgresql_where=text("signed_out_at IS NULL"),
        ),
        Index(
            "uq_seat_session_open_agent",
            "agent_id",
            unique=True,
            postgresql_where=text("signed_out_at IS NULL"),
        ),
        Index("ix_seat_session_seat", "node", "seat", "signed_in_at"),
        one_of("ended_why", ENDED_WHYS),
    )

    id: Mapped[Id]
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    node: Mapped[str]
    seat: Mapped[str]
    signed_in_at: Mapped[datetime] = mapped_column(server_default=func.now())
    signed_out_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    leaving_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    ended_why: Mapped[str | None]


class SignIn(Table):
    """A signed-in browser: `token_hash` is SHA-256 of the cookie's random token; the token itself is never stored."""

    __tablename__ = "sign_in"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    csrf: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
