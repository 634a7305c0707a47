"""Live rows: the posture of each seat, its memberships, and the sight of the node."""

from __future__ import annotations

from .statement import Key, Moment, Row, upsert


class Posture(Row):
    """`conversation_id` stays set during after-call work: the conversation being wrapped up. `next_reason`: the pause
    that follows it."""

    node: str
    seat: str
    word: str
    since: Moment
    device_state: str | None = None
    paused: bool = False
    pause_reason: str | None = None
    next_reason: str | None = None
    conversation_id: Key | None = None
    offer_id: Key | None = None
    segment_id: Key | None = None


class PostureStep(Row):
    """One step from a state to the next: `word`, `reason` and `next_reason` from `at` on."""

    node: str
    seat: str
    at: Moment
    word: str
    reason: str | None
    next_reason: str | None
    conversation_id: Key | None
    cause: str
    actor: str
    event: str


class Membership(Row):
    node: str
    queue: str
    seat: str
    joined_at: Moment
    penalty: int = 0
    paused: bool = False
    left_at: Moment | None = None


class Sight(Row):
    """The node as the bridge sees it; `lost_at` while sight is lost."""

    name: str
    heard_at: Moment | None = None
    lost_at: Moment | None = None
    asterisk_version: str | None = None


POSTURES = upsert("posture", Posture, key=("node", "seat"))
_WHO_SITS_THERE = (
    "(SELECT s.agent_id FROM seat_session s WHERE s.node = r.node AND s.seat = r.seat "
    "AND s.signed_in_at <= to_timestamp(r.at) AND (s.signed_out_at IS NULL OR s.signed_out_at > to_timestamp(r.at)) "
    "ORDER BY s.signed_in_at DESC LIMIT 1)"
)
_STEP = ("node", "seat", "at", "word")
_ONCE = ("reason", "next_reason", "conversation_id", "cause", "actor", "event")
POSTURE_STEPS = upsert("posture_change", PostureStep, key=_STEP, fixed=_ONCE, computed={"agent_id": _WHO_SITS_THERE})
MEMBERSHIPS = upsert("membership", Membership, key=("node", "queue", "seat"))
SIGHTS = upsert("node", Sight, key=("name",), computed={"fence": "0"})
