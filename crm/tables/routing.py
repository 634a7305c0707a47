"""Who may be rung for what, who is let in at all, and how each caller was sent into a queue.

Skills, needs and number lists are written by the web and the command line; `routing` by agi, and its credit once more
by whoever changes it while the caller waits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

LIST_KINDS = ("block", "allow")


class AgentSkill(Table):
    """How good an agent is at something, 1 to 5; a skill without a row is level 0."""

    __tablename__ = "agent_skill"
    __table_args__ = (CheckConstraint("level BETWEEN 1 AND 5", name="level"),)

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    skill: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[int]


class QueueNeed(Table):
    """The level of a skill that callers of a queue need who have waited `after_s`; 0: not needed any more."""

    __tablename__ = "queue_need"
    __table_args__ = (CheckConstraint("minimum BETWEEN 0 AND 5 AND after_s >= 0", name="minimum"),)

    queue: Mapped[str] = mapped_column(ForeignKey("queue.name", ondelete="CASCADE"), primary_key=True)
    skill: Mapped[str] = mapped_column(primary_key=True)
    after_s: Mapped[int] = mapped_column(primary_key=True)
    minimum: Mapped[int]


class NumberListed(Table):
    """A number, or with `is_prefix` all that begin so, that is let in never (block) or always (allow)."""

    __tablename__ = "number_list"
    __table_args__ = (
        one_of("kind", LIST_KINDS),
        Index("uq_number_list_number", "number", "is_prefix", unique=True),
    )

    id: Mapped[Id]
    number: Mapped[str]
    is_prefix: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[str]
    reason: Mapped[str]
    until: Mapped[datetime | None]
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class Routing(Table):
    """How a flow sent one caller into `queue`, and why.

    `credit_reasons`: {why, seconds} each. `last_seat`: the seat of the agent tried first, for `last_agent_s`;
    `last_agent_why` says who that is, or why nobody. `low_s`, `high_s`: the wait as predicted, null when it could not
    be; `prediction_why` says what it rests on; `announced`: the caller was told.
    """

    __tablename__ = "routing"
    __table_args__ = (
        Index("ix_routing_linkedid", "node", "linkedid"),
        Index("ix_routing_queue_decided_at", "queue", "decided_at"),
    )

    visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    linkedid: Mapped[str]
    queue: Mapped[str]
    decided_at: Mapped[datetime]
    credit_s: Mapped[int]
    credit_reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    last_seat: Mapped[str | None]
    last_agent_id: Mapped[UUID | None]
    last_agent_s: Mapped[int]
    last_agent_why: Mapped[str | None]
    position: Mapped[int | None]
    low_s: Mapped[int | None]
    high_s: Mapped[int | None]
    announced: Mapped[bool]
    prediction_why: Mapped[str | None]
