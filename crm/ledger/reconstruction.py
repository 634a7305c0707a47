"""Statements of the back-fill: rows of calls that nobody saw, added or completed, never overwritten.

A row is added only where none is; only what is over is changed, where nobody saw how it ended. So a second run, or one
that was killed half-way, changes nothing that is right already.
"""

from __future__ import annotations

from collections.abc import Mapping

from .conversations import WHO_SAT_THERE, Conversation, Offer, Segment, Transfer, Wait
from .statement import Row, Statement, change_rows, insert_missing, select_rows
from .voicemails import ADD_VOICEMAILS, OF_CONVERSATIONS, Voicemail

_SAT = {"agent_id": WHO_SAT_THERE}

ADD: Mapping[type[Row], Statement] = {
    Conversation: insert_missing("conversation", Conversation, key="id"),
    Wait: insert_missing("wait", Wait, key="id"),
    Offer: insert_missing("offer", Offer, key="id", computed=_SAT),
    Segment: insert_missing("segment", Segment, key="id", computed=_SAT),
    Transfer: insert_missing("transfer", Transfer, key="id"),
    Voicemail: ADD_VOICEMAILS,
}
"""Parents before children."""

CHANGE: Mapping[type[Row], Statement] = {
    Conversation: change_rows(
        "conversation",
        Conversation,
        key="id",
        columns=(
            "started_at", "caller", "caller_name", "dialled", "ended_at", "outcome", "ended_by", "hangup_cause",
            "reconstructed",
        ),
        condition="t.ended_at IS NOT NULL",
    ),
    Wait: change_rows(
        "wait",
        Wait,
        key="id",
        columns=("left_at", "outcome", "reconstructed"),
        condition="t.left_at IS NOT NULL",
    ),
    Offer: change_rows(
        "offer",
        Offer,
        key="id",
        columns=("wait_id", "queue", "started_at", "ended_at", "outcome", "reconstructed"),
        condition="t.ended_at IS NOT NULL",
    ),
    Segment: change_rows(
        "segment",
        Segment,
        key="id",
        columns=("queue", "started_at", "ended_at", "reconstructed"),
        condition="t.ended_at IS NOT NULL",
    ),
}  # fmt: skip

LEDGER: Mapping[type[Row], str] = {
    Conversation: select_rows("conversation", Conversation, "id = ANY(%s::uuid[])", "started_at"),
    Wait: select_rows("wait", Wait, "conversation_id = ANY(%s::uuid[])", "entered_at"),
    Offer: select_rows("offer", Offer, "conversation_id = ANY(%s::uuid[])", "started_at"),
    Segment: select_rows("segment", Segment, "conversation_id = ANY(%s::uuid[])", "started_at"),
    Transfer: select_rows("transfer", Transfer, "conversation_id = ANY(%s::uuid[])", "at"),
    Voicemail: OF_CONVERSATIONS,
}
"""Row type → SQL with conversation ids as its one parameter, yielding one JSON array of such rows."""

KNOWN_SEATS = (
    "SELECT seat FROM membership WHERE node = %(node)s UNION SELECT seat FROM posture WHERE node = %(node)s "
    "ORDER BY seat"
)
STILL_OPEN = (
    "SELECT id::text FROM conversation WHERE node = %s AND ended_at IS NULL AND started_at <= to_timestamp(%s) "
    "ORDER BY started_at"
)
OLDEST_OPEN = (
    "SELECT extract(epoch FROM min(started_at))::double precision FROM conversation "
    "WHERE node = %s AND ended_at IS NULL"
)
