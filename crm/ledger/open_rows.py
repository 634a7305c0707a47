"""What an earlier life of a bridge left open: read before the first snapshot, which then keeps or ends each of them."""

from __future__ import annotations

from collections.abc import Mapping

from .conversations import Conversation, Offer, Segment, Wait
from .pops import Pop
from .postures import Membership, Posture
from .statement import Row, select_open

OPEN_ROWS: Mapping[type[Row], str] = {
    Conversation: select_open("conversation", Conversation, "node = %s AND ended_at IS NULL"),
    Wait: select_open("wait", Wait, "node = %s AND left_at IS NULL"),
    Offer: select_open("offer", Offer, "node = %s AND ended_at IS NULL"),
    Segment: select_open("segment", Segment, "node = %s AND ended_at IS NULL"),
    Membership: select_open("membership", Membership, "node = %s AND left_at IS NULL"),
    Posture: select_open("posture", Posture, "node = %s"),
    Pop: select_open("pop", Pop, "node = %s AND taken_at IS NULL"),
}
"""Row type → SQL with the node as its one parameter, yielding one JSON array of such rows."""
