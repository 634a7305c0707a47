"""Programs that may ask the REST door, and what they asked with a key of their own. Written by command line and web."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table


class ApiToken(Table):
    """One program's key. Only SHA-256 of the token is kept; `last_used_at` is written at most once a minute.

    `queues`: it is shown what these have seen alone; null: everything."""

    __tablename__ = "api_token"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    queues: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    a_minute: Mapped[int] = mapped_column(default=600, server_default=text("600"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]


class IdempotencyKey(Table):
    """An answer kept for whoever asks the same again. `request_hash` is of method, path and body; `status` is null
    while the first asking is not yet answered (then nothing of it is committed either)."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_at", "at"),)

    token_id: Mapped[UUID] = mapped_column(ForeignKey("api_token.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
