"""What an earlier life of a bridge left open: read before the first look, which then keeps or ends each of them.

Of an open conversation all is read, also what is over: its outcome and the numbers of its talks rest on it.
"""

from __future__ import annotations

from collections.abc import Mapping

from .conversations import Conversation, Offer, Segment, Wait
from .pops import Pop
from .postures import Membership, Posture
from .statement import Row, select_rows

_OURS = "node = %(node)s"


def _open_or_of_open_call(table: str, ends: str) -> str:
    """Which rows: found by two indexes of what is open. An OR of the two would read years of ended rows."""
    return (
        f"id IN (SELECT id FROM {table} WHERE {_OURS} AND {ends} IS NULL UNION "  # noqa: S608 - our own names
        f"SELECT of_call.id FROM conversation AS c JOIN {table} AS of_call ON of_call.conversation_id = c.id "
        f"WHERE c.{_OURS} AND of_call.{_OURS} AND c.ended_at IS NULL)"
    )


OPEN_ROWS: Mapping[type[Row], str] = {
    Conversation: select_rows("conversation", Conversation, f"{_OURS} AND ended_at IS NULL", "started_at"),
    Wait: select_rows("wait", Wait, _open_or_of_open_call("wait", "left_at"), "entered_at"),
    Offer: select_rows("offer", Offer, _open_or_of_open_call("offer", "ended_at"), "started_at"),
    Segment: select_rows("segment", Segment, _open_or_of_open_call("segment", "ended_at"), "started_at"),
    Membership: select_rows("membership", Membership, f"{_OURS} AND left_at IS NULL", "queue, seat"),
    Posture: select_rows("posture", Posture, _OURS, "seat"),
    Pop: select_rows("pop", Pop, f"{_OURS} AND taken_at IS NULL", "rung_at"),
}
"""Row type → SQL with the parameter `node`, yielding one JSON array of such rows."""

JUST_ENDED = (
    "SELECT coalesce(json_agg(json_build_array(linkedid, extract(epoch FROM ended_at))), '[]')::text FROM ("
    "SELECT linkedid, ended_at FROM conversation WHERE node = %s AND started_at > clock_timestamp() - interval '12 h' "
    "AND ended_at IS NOT NULL ORDER BY started_at DESC LIMIT 4096) AS over"
)
"""Linkedids that are used up, with when: colleagues may talk on under one when the caller is gone."""
