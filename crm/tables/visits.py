"""What a caller did in the IVR. Written by agi alone, keyed by (node, linkedid); never a conversation.

The card and the reports join these to the ledger.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table

VisitEnding = Literal["join_queue", "voicemail", "transfer", "goodbye", "callback", "hung_up", "blocked", "failed"]
VISIT_ENDINGS: tuple[VisitEnding, ...] = get_args(VisitEnding)


class Visit(Table):
    """One pass through one flow. `steps` is a list of {at_s, step, prompt, pressed, place}, `place` being the menu's
    own step; `last_prompt` the last one heard; `menu_version` None: the shipped menu, or a flow that is none.

    `ending`: join_queue, voicemail, transfer, goodbye, callback, hung_up, blocked, failed (our fault, or a server that
    died: the caller went on by the dialplan). `served`: the flow gave the answer asked for. `closed_why`: the caller
    was told that we are closed, and for which reason (hours, holiday, special_day, closed_now).
    """

    __tablename__ = "visit"
    __table_args__ = (
        Index("ix_visit_open", "node", postgresql_where=text("ended_at IS NULL")),
        Index("ix_visit_started_at", "started_at"),
    )

    id: Mapped[Id]
    node: Mapped[str]
    linkedid: Mapped[str] = mapped_column(index=True)
    uniqueid: Mapped[str]
    flow: Mapped[str]
    language: Mapped[str | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    pressed: Mapped[str] = mapped_column(default="")
    last_prompt: Mapped[str | None]
    ending: Mapped[str | None]
    served: Mapped[bool] = mapped_column(default=False)
    menu_version: Mapped[int | None]
    closed_why: Mapped[str | None]


class CallerFacts(Table):
    """What the IVR learnt of the caller of a call: who, in which language, about what matter."""

    __tablename__ = "caller_facts"
    __table_args__ = (Index("ix_caller_facts_customer_id", "customer_id", "learnt_at"),)

    node: Mapped[str] = mapped_column(primary_key=True)
    linkedid: Mapped[str] = mapped_column(primary_key=True)
    number_e164: Mapped[str | None]
    customer_id: Mapped[UUID | None]
    language: Mapped[str | None]
    matter: Mapped[str | None]
    learnt_at: Mapped[datetime]
