"""Ledger rows of calls: conversation, wait, offer, segment, transfer. Words of closed lists stand in crm.tables."""

from __future__ import annotations

from .statement import Key, Moment, Row, upsert

WHO_SAT_THERE = (
    "(SELECT s.agent_id FROM seat_session s WHERE s.node = r.node AND s.seat = r.seat "
    "AND s.signed_in_at <= to_timestamp(r.started_at) "
    "AND (s.signed_out_at IS NULL OR s.signed_out_at > to_timestamp(r.started_at)) "
    "ORDER BY s.signed_in_at DESC LIMIT 1)"
)


class Conversation(Row):
    id: Key
    node: str
    linkedid: str
    direction: str
    started_at: Moment
    caller: str | None = None
    caller_name: str | None = None
    dialled: str | None = None
    ended_at: Moment | None = None
    outcome: str | None = None
    ended_by: str | None = None
    hangup_cause: int | None = None
    reconstructed: bool = False


class Wait(Row):
    id: Key
    conversation_id: Key
    node: str
    queue: str
    caller_uniqueid: str
    entered_at: Moment
    position: int | None = None
    left_at: Moment | None = None
    outcome: str | None = None
    reconstructed: bool = False


class Offer(Row):
    id: Key
    conversation_id: Key
    wait_id: Key | None
    node: str
    queue: str | None
    seat: str
    started_at: Moment
    ended_at: Moment | None = None
    outcome: str | None = None
    reconstructed: bool = False


class Segment(Row):
    id: Key
    conversation_id: Key
    node: str
    queue: str | None
    seat: str
    caller_uniqueid: str
    started_at: Moment
    seat_uniqueid: str | None = None
    ended_at: Moment | None = None
    hold_s: float = 0.0
    reconstructed: bool = False


class Transfer(Row):
    id: Key
    conversation_id: Key
    node: str
    kind: str
    from_seat: str | None
    to: str | None
    at: Moment
    outcome: str


CONVERSATIONS = upsert("conversation", Conversation, key=("id",), fixed=("started_at",))
WAITS = upsert("wait", Wait, key=("id",))
OFFERS = upsert("offer", Offer, key=("id",), computed={"agent_id": WHO_SAT_THERE})
SEGMENTS = upsert("segment", Segment, key=("id",), computed={"agent_id": WHO_SAT_THERE})
TRANSFERS = upsert("transfer", Transfer, key=("id",))
