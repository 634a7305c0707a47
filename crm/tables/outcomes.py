"""How a call can end, in the call center's own words: outcomes, which queues offer them, where one is demanded.

Written by the command line, through crm.outcomes alone.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table, one_of

OUTCOME_TONES = ("", "good", "warm", "cool", "bad")


class Outcome(Table):
    """One way in which a call ends. `settles`: the word that answers the question of the case when the agent leaves it
    open (`none:answered_at_once`, `new:complaint`); empty: it has to be answered. `active`: agents may choose it."""

    __tablename__ = "outcome"
    __table_args__ = (one_of("tone", OUTCOME_TONES),)

    code: Mapped[str] = mapped_column(primary_key=True)
    title_en: Mapped[str]
    title_zh: Mapped[str]
    place: Mapped[int] = mapped_column(server_default=text("100"))
    tone: Mapped[str] = mapped_column(server_default=text("''"))
    settles: Mapped[str] = mapped_column(server_default=text("''"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))


class QueueOutcome(Table):
    """An outcome that a queue offers, in its order there. A queue without any offers all."""

    __tablename__ = "queue_outcome"

    queue: Mapped[str] = mapped_column(ForeignKey("queue.name", ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(ForeignKey("outcome.code", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int]


class OutcomeDemand(Table):
    """A queue whose calls need an outcome before the next one, when the talk lasted at least `after_s`."""

    __tablename__ = "outcome_demand"

    queue: Mapped[str] = mapped_column(ForeignKey("queue.name", ondelete="CASCADE"), primary_key=True)
    after_s: Mapped[int]
