"""Wishes: what we ask Asterisk to do. Anyone writes `wanted`; only the bridge moves the state on.

wanted → sent → confirmed | refused | expired. `sent` is committed before a byte leaves, so a wish is sent at most once;
a lost answer expires, it is never sent blindly again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

WISH_KINDS = (
    *("pause", "unpause", "add_member", "remove_member", "set_penalty"),
    *("reload_rules", "set_priority", "withdraw"),
    *("withdraw_pause", "end_after_call_work"),
    *("hang_up", "send_keys", "mute", "unmute", "transfer", "consult", "consult_end", "park", "dial"),
)
WISH_STATES = ("wanted", "sent", "confirmed", "refused", "expired")


class PbxRequest(Table):
    """One wish about one seat, or about a caller who waits: then `seat` is the Uniqueid of the caller's channel, and
    `priority` the new one. `why` says in one sentence why it was refused or expired.

    About a call (hang_up and all after it), `target` is what it needs: keys to send (forgotten once it is settled), the
    extension or number to go to, how a consult ends.
    """

    __tablename__ = "pbx_request"
    __table_args__ = (
        one_of("kind", WISH_KINDS),
        one_of("state", WISH_STATES),
        Index("ix_pbx_request_wanted", "node", "wanted_at", postgresql_where=text("state IN ('wanted', 'sent')")),
        Index("ix_pbx_request_seat", "node", "seat", "wanted_at"),
    )

    id: Mapped[Id]
    node: Mapped[str]
    kind: Mapped[str]
    seat: Mapped[str]
    queue: Mapped[str | None]
    reason: Mapped[str | None]
    penalty: Mapped[int | None]
    priority: Mapped[int | None]
    target: Mapped[str | None]
    asked_by: Mapped[str]
    conversation_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(default="wanted")
    wanted_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    why: Mapped[str | None]
