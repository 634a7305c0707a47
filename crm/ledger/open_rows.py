"""What an earlier life of a bridge left open: read before the first look, which then keeps or ends each of them.

Of an open conversation all is read, also what is over: its outcome and the numbers of its talks rest on it.
"""

from __future__ import annotations

from collections.abc import Mapping

from .conversations import Conversation, Offer, Segment, Wait
from .pops import Pop
from .postures import Membership, Posture
from .statement import Row, select_rows

_CALL_IS_OPEN = (
    "EXISTS (SELECT 1 FROM conversation AS c WHERE c.id = t.conversation_id AND c.node = t.node AND c.ended_at IS NULL)"
)

OPEN_ROWS: Mapping[type[Row], str] = {
    Conversation: select_rows("conversation", Conversation, "node = %s AND ended_at IS NULL", "started_at"),
    Wait: select_rows("wait", Wait, f"node = %s AND (left_at IS NULL OR {_CALL_IS_OPEN})", "entered_at"),
    Offer: select_rows("offer", Offer, f"node = %s AND (ended_at IS NULL OR {_CALL_IS_OPEN})", "started_at"),
    Segment: select_rows("segment", Segment, f"node = %s AND (ended_at IS NULL OR {_CALL_IS_OPEN})", "started_at"),
    Membership: select_rows("membership", Membership, "node = %s AND left_at IS NULL", "queue, seat"),
    Posture: select_rows("posture", Posture, "node = %s", "seat"),
    Pop: select_rows("pop", Pop, "node = %s AND taken_at IS NULL", "rung_at"),
}
"""Row type → SQL with the node as its one parameter, yielding one JSON array of such rows."""

JUST_ENDED = (
    "SELECT coalesce(json_agg(json_build_array(linkedid, extract(epoch FROM ended_at))), '[]')::text FROM ("
    "SELECT linkedid, ended_at FROM conversation WHERE node = %s AND started_at > clock_timestamp() - interval '12 h' "
    "AND ended_at IS NOT NULL ORDER BY started_at DESC LIMIT 4096) AS over"
)
"""Linkedids that are used up, with when: colleagues may talk on under one when the caller is gone."""
