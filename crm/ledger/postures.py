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
MEMBERSHIPS = upsert("membership", Membership, key=("node", "queue", "seat"))
SIGHTS = upsert("node", Sight, key=("name",), computed={"fence": "0"})
