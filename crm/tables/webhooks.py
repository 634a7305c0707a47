"""Who is told by webhook, and what each of them is still to be told. Written by the command line and the worker."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

DELIVERY_STATES = ("waiting", "delivered", "dead")


class Webhook(Table):
    """One subscriber. `kinds`: what it is told of (`case.*` stands for all of a family); empty: everything.
    `queues`: of what these have seen alone; null: of all.

    The secret signs, so it is kept as it is. `pause_until`: nobody is asked before, because the target did not answer
    (`failures` times in a row).
    """

    __tablename__ = "webhook"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    secret: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"), default=list)
    queues: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    failures: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    pause_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    created_by: Mapped[str]


class WebhookDelivery(Table):
    """One announcement on its way to one subscriber. `id` stays the same over all attempts: the receiver's key."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        one_of("state", DELIVERY_STATES),
        UniqueConstraint("webhook_id", "announcement_id"),
        Index("ix_webhook_delivery_waiting", "webhook_id", "number", postgresql_where=text("state = 'waiting'")),
        Index("ix_webhook_delivery_order", "webhook_id", "key", "number", postgresql_where=text("state = 'waiting'")),
        Index("ix_webhook_delivery_dead", "webhook_id", "number", postgresql_where=text("state = 'dead'")),
        Index("ix_webhook_delivery_announcement_id", "announcement_id"),
    )

    id: Mapped[Id]
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    announcement_id: Mapped[int] = mapped_column(ForeignKey("announcement.id", ondelete="CASCADE"), type_=BigInteger)
    number: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting", server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    first_tried_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_fault: Mapped[str | None]
    replayed: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
