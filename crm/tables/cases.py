"""Cases: a customer's matter with an owner and clocks, and everything that happened to it.

Written by the web, the command line and the worker, through crm.cases alone. What the ledger knows of a call is joined
by the conversation's id; no key holds it there, as for voicemail.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Sequence, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

CASE_TIERS = ("first_line", "second_line", "complaints")
CASE_STATES = ("open", "waiting", "solved", "closed")
"""open: being worked on; waiting: for the customer's answer, the clock stands; solved: the solution is written, checks
are left; closed."""
CLOCKS = ("respond", "solve")
NO_CASE_REASONS = ("answered_at_once", "wrong_number", "nobody_spoke", "internal", "other")

CASE_NUMBER = Sequence("case_number", metadata=Table.metadata, start=1001)
"""Numbers of cases before their check digit."""


class CaseCategory(Table):
    """What cases are about. Times are open minutes; `check_en`/`check_zh`: what must be affirmed before closing.

    `starts_at`: the tier a new case begins in. `escalate_on_breach`: a broken solve clock lifts the case one tier;
    `escalate_reopened`: so does the so-manieth reopening (0: never).
    """

    __tablename__ = "case_category"
    __table_args__ = (one_of("starts_at", CASE_TIERS),)

    code: Mapped[str] = mapped_column(primary_key=True)
    title_en: Mapped[str]
    title_zh: Mapped[str]
    place: Mapped[int] = mapped_column(server_default=text("0"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    starts_at: Mapped[str] = mapped_column(server_default=text("'first_line'"))
    respond_minutes: Mapped[int]
    solve_minutes: Mapped[int]
    escalate_on_breach: Mapped[bool] = mapped_column(server_default=text("true"))
    escalate_reopened: Mapped[int] = mapped_column(server_default=text("2"))
    check_en: Mapped[str] = mapped_column(server_default=text("''"))
    check_zh: Mapped[str] = mapped_column(server_default=text("''"))


class CaseTeam(Table):
    """Who works at cases of a tier that nobody has taken: their queue."""

    __tablename__ = "case_team"
    __table_args__ = (one_of("tier", CASE_TIERS),)

    tier: Mapped[str] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)


class Case(Table):
    """One matter. The owner answers for it from start to end; the handler works at it now (null: its tier's queue).

    `opening_key`: who opens twice with the same key gets the same case. `version` counts changes: an edit names the one
    it saw. `caller`: the number of a caller nobody knows.
    """

    __tablename__ = "customer_case"
    __table_args__ = (
        one_of("tier", CASE_TIERS),
        one_of("state", CASE_STATES),
        Index("ix_customer_case_customer_id", "customer_id", "opened_at"),
        Index("ix_customer_case_caller", "caller", postgresql_where=text("customer_id IS NULL")),
        Index("ix_customer_case_owner_open", "owner_id", postgresql_where=text("state <> 'closed'")),
        Index("ix_customer_case_handler_open", "handler_id", postgresql_where=text("state <> 'closed'")),
        Index("ix_customer_case_tier_open", "tier", "opened_at", postgresql_where=text("state <> 'closed'")),
        Index("ix_customer_case_opened_at", "opened_at"),
    )

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(unique=True)
    opening_key: Mapped[str | None] = mapped_column(unique=True)
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id", ondelete="SET NULL"))
    caller: Mapped[str | None]
    category: Mapped[str] = mapped_column(ForeignKey("case_category.code"))
    tier: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    subject: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"))
    handler_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))
    opened_by: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    version: Mapped[int] = mapped_column(server_default=text("1"))
    reopened: Mapped[int] = mapped_column(server_default=text("0"))
    solution: Mapped[str] = mapped_column(server_default=text("''"))
    solved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]


class CaseClock(Table):
    """One promise of time, in open seconds of the site: `spent_s` before `running_since`, which is null while the clock
    stands. `due_at` and `warn_at` are what they come to as the hours were known when it last began to run."""

    __tablename__ = "case_clock"
    __table_args__ = (
        one_of("kind", CLOCKS),
        Index(
            "ix_case_clock_due_at",
            "due_at",
            postgresql_where=text("breached_at IS NULL AND running_since IS NOT NULL"),
        ),
        Index("ix_case_clock_running", "due_at", postgresql_where=text("running_since IS NOT NULL")),
        Index("ix_case_clock_breached", "case_id", postgresql_where=text("breached_at IS NOT NULL")),
        Index(
            "ix_case_clock_warn_at",
            "warn_at",
            postgresql_where=text("warned_at IS NULL AND running_since IS NOT NULL"),
        ),
    )

    case_id: Mapped[UUID] = mapped_column(ForeignKey("customer_case.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    target_s: Mapped[float]
    spent_s: Mapped[float] = mapped_column(server_default=text("0"))
    running_since: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    warn_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]


class CaseEvent(Table):
    """One change of a case: who, when, what, from, to. Never changed, never taken away while the case lives."""

    __tablename__ = "case_event"
    __table_args__ = (Index("ix_case_event_case_id", "case_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("customer_case.id", ondelete="CASCADE"))
    version: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    by: Mapped[str]
    did: Mapped[str]
    field: Mapped[str | None]
    was: Mapped[str | None]
    became: Mapped[str | None]
    said: Mapped[str] = mapped_column(server_default=text("''"))


class CaseCall(Table):
    """A conversation that was about a case."""

    __tablename__ = "case_conversation"
    __table_args__ = (Index("ix_case_conversation_case_id", "case_id"),)

    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("customer_case.id", ondelete="CASCADE"), primary_key=True)
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class NoCase(Table):
    """Why an answered conversation has no case."""

    __tablename__ = "no_case"
    __table_args__ = (one_of("reason", NO_CASE_REASONS),)

    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    reason: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class CaseReminder(Table):
    """What somebody is to be reminded of. `fired_at`: it came due and was shown; `done_at`: they ticked it off."""

    __tablename__ = "case_reminder"
    __table_args__ = (
        Index("ix_case_reminder_agent_id", "agent_id", "due_at", postgresql_where=text("done_at IS NULL")),
        Index(
            "ix_case_reminder_due_at",
            "due_at",
            postgresql_where=text("fired_at IS NULL AND done_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    case_id: Mapped[UUID] = mapped_column(ForeignKey("customer_case.id", ondelete="CASCADE"))
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    due_at: Mapped[datetime]
    about: Mapped[str]
    made_by: Mapped[str]
    fired_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
