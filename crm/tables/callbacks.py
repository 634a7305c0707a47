"""Promises to call back, and each try to keep one.

`callback` is the promise: written by whoever books it (pages, api, menus, command line), moved on by deeds alone.
`callback_attempt` is one dial: its row is committed before a byte leaves, its id is the channel's, used once for ever.
What the constraints forbid cannot happen, whatever process dies: two open promises of one number and queue, two open
attempts of one promise, two customer-first dials on one reserved seat.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

STATES = ("waiting", "placed", "reached", "cancelled", "given_up", "refused", "attached")
SOURCES = ("queue", "menu", "web", "agent", "abandoned", "voicemail", "api", "cli")
MODES = ("agent_first", "customer_first")
OUTCOMES = (
    *("reached", "later", "cancelled", "voicemail", "busy", "no_answer", "rejected", "failed", "agent_left"),
    *("not_served", "never_left", "refused_by_asterisk", "lost_sight", "attached"),
)
_OPEN = "state IN ('waiting', 'placed')"
DIALS_CUSTOMER = "kind = 'customer_first' AND queued_at IS NULL AND ended_at IS NULL AND settled_at IS NULL"
"""A customer is being dialled for whom a seat is kept free."""
AT_RISK = """(c.state IN ('waiting', 'placed') AND c.dials = 0
         AND (c.at_risk_why IS NOT NULL OR c.window_end < clock_timestamp() + make_interval(secs => :soon_s))
         AND NOT EXISTS (SELECT FROM callback_attempt a WHERE a.callback_id = c.id AND a.dialled_at IS NOT NULL))"""
"""Of rows `c`: never dialled, and the window ends within `:soon_s`, or the wait foretold misses it."""
RISKS = ("window", "forecast")


class Callback(Table):
    """A promise. `joined_at`: since when the customer has waited; `place_at`: that, less the credit: the place in the
    order. `mode`: who is rung first, by the last try. `due_at`: not placed before; `window_begin`, `window_end`: what
    the customer was told. `linkedid`: the call in which it was asked for. `not_now`, `not_now_why`: what kept it from
    being placed when it was due last. `at_risk_since`, `at_risk_why`: it will hardly be kept, of which supervisors were
    told once: nobody was rung and the window ends soon, or the forecast misses it."""

    __tablename__ = "callback"
    __table_args__ = (
        one_of("state", STATES),
        one_of("source", SOURCES),
        one_of("mode", MODES),
        one_of("at_risk_why", RISKS),
        CheckConstraint(f"({_OPEN}) = (closed_at IS NULL)", name="closed_at"),
        CheckConstraint("window_begin < window_end", name="window"),
        Index("uq_callback_open_number", "queue", "number_e164", unique=True, postgresql_where=text(_OPEN)),
        Index(
            "uq_callback_open_customer",
            "queue",
            "customer_id",
            unique=True,
            postgresql_where=text(f"{_OPEN} AND customer_id IS NOT NULL"),
        ),
        Index("ix_callback_waiting", "node", "queue", "place_at", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_callback_owned", "owner_id", postgresql_where=text("state = 'waiting' AND owner_id IS NOT NULL")),
        Index("ix_callback_number", "number_e164", "asked_at"),
        Index("ix_callback_customer_id", "customer_id"),
        Index("ix_callback_asked_at", "asked_at"),
        Index("ix_callback_closed_at", "closed_at"),
    )

    id: Mapped[Id]
    node: Mapped[str]
    queue: Mapped[str]
    number_e164: Mapped[str]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id", ondelete="SET NULL"))
    language: Mapped[str]
    about: Mapped[str] = mapped_column(server_default=text("''"))
    source: Mapped[str]
    mode: Mapped[str] = mapped_column(default="agent_first", server_default=text("'agent_first'"))
    booked_by: Mapped[str]
    linkedid: Mapped[str | None]
    asked_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    joined_at: Mapped[datetime]
    credit_s: Mapped[int] = mapped_column(server_default=text("0"))
    place_at: Mapped[datetime]
    window_begin: Mapped[datetime]
    window_end: Mapped[datetime]
    due_at: Mapped[datetime]
    zone: Mapped[str | None]
    wish: Mapped[str | None]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(default="waiting", server_default=text("'waiting'"))
    dials: Mapped[int] = mapped_column(server_default=text("0"))
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    outcome: Mapped[str | None]
    not_now: Mapped[str | None]
    not_now_why: Mapped[str | None]
    at_risk_since: Mapped[datetime | None]
    at_risk_why: Mapped[str | None]
    kept: Mapped[bool | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]


class CallbackAttempt(Table):
    """One try. Facts (`seen_at` to `cause`) come from Asterisk's events, each once; `settled_at`: its promise has moved
    on by it. `fence`: the lease under which it was sent. `seat`: kept free while the customer is dialled
    first, until they stand in the queue (`queued_at`). `chose`: the key the customer pressed, '' for none."""

    __tablename__ = "callback_attempt"
    __table_args__ = (
        one_of("kind", MODES),
        one_of("outcome", OUTCOMES),
        CheckConstraint("kind = 'agent_first' OR seat IS NOT NULL", name="seat"),
        CheckConstraint("(settled_at IS NULL) = (outcome IS NULL)", name="settled_at"),
        UniqueConstraint("callback_id", "number"),
        Index("uq_callback_attempt_open", "callback_id", unique=True, postgresql_where=text("settled_at IS NULL")),
        Index(
            "uq_callback_attempt_seat",
            "node",
            "seat",
            unique=True,
            postgresql_where=text(DIALS_CUSTOMER),
        ),
        Index("ix_callback_attempt_unsettled", "node", "claimed_at", postgresql_where=text("settled_at IS NULL")),
    )

    id: Mapped[Id]
    callback_id: Mapped[UUID] = mapped_column(ForeignKey("callback.id", ondelete="CASCADE"))
    number: Mapped[int]
    node: Mapped[str]
    queue: Mapped[str]
    fence: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(server_default=text("'agent_first'"))
    seat: Mapped[str | None]
    claimed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    seen_at: Mapped[datetime | None]
    dialled_at: Mapped[datetime | None]
    chose: Mapped[str | None]
    queued_at: Mapped[datetime | None]
    talked_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    dial_status: Mapped[str | None]
    cause: Mapped[int | None]
    settled_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    why: Mapped[str | None]


class CallbackHalt(Table):
    """No callback of this queue ('' for all) is placed while its row stands."""

    __tablename__ = "callback_halt"

    queue: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    by: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default=text("''"))
