"""Messages that callers left, and the work they make.

`voicemail` is written by the bridge alone, from the dialplan's word at the end of the call (or from CEL, where nobody
listened); `voicemail_work` by the web and the command line alone. A message without a row of work is new.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table, one_of

VOICEMAIL_STATES = ("new", "taken", "done")


class Voicemail(Table):
    """One recording. `box`: the queue whose people shall hear it (null: nobody said). `file`: its name in the
    voicemail folder.

    `conversation_id` derives from node and Linkedid, and no key holds it there: a message must never be refused because
    its call is not written yet.
    """

    __tablename__ = "voicemail"
    __table_args__ = (
        Index("ix_voicemail_left_at", "left_at"),
        Index("ix_voicemail_conversation_id", "conversation_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID]
    node: Mapped[str]
    linkedid: Mapped[str]
    box: Mapped[str | None]
    file: Mapped[str]
    left_at: Mapped[datetime]
    reconstructed: Mapped[bool] = mapped_column(server_default=text("false"))


class VoicemailWork(Table):
    """Who looks after a message. `duration_s`: by the recording itself, once somebody who has the file looked into it.
    `due_at`: by when it was to be answered, as reckoned when it was taken first."""

    __tablename__ = "voicemail_work"
    __table_args__ = (
        one_of("state", VOICEMAIL_STATES),
        Index("ix_voicemail_work_owner", "owner_id", postgresql_where=text("state = 'taken'")),
    )

    voicemail_id: Mapped[UUID] = mapped_column(ForeignKey("voicemail.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str] = mapped_column(server_default=text("'new'"))
    duration_s: Mapped[float | None]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id", ondelete="SET NULL"))
    due_at: Mapped[datetime | None]
    taken_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    done_by: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id", ondelete="SET NULL"))
    note: Mapped[str] = mapped_column(server_default=text("''"))
