"""Wishes as the bridge writes them: its own after-call work pause, and the settlement of everyone's."""

from __future__ import annotations

from msgspec import Struct

from .statement import Key, Moment, Row, Statement, upsert


class Wish(Struct, frozen=True):
    """A wish as the outbox claims it. About a caller who waits, `seat` is the Uniqueid of the caller's channel."""

    id: str
    kind: str
    seat: str
    queue: str | None
    reason: str | None
    penalty: int | None
    conversation_id: str | None
    sent_at: float
    priority: int | None = None
    target: str | None = None
    asked_by: str = ""


class OwnWish(Row):
    """A wish of the bridge itself, written already sent: the pause for after-call work left with its event."""

    id: Key
    node: str
    kind: str
    seat: str
    reason: str | None
    asked_by: str
    conversation_id: Key | None
    state: str
    wanted_at: Moment
    sent_at: Moment | None
    expires_at: Moment
    settled_at: Moment | None = None
    why: str | None = None


class Settlement(Row):
    """How a sent wish ended: confirmed by Asterisk's event, refused by its answer, or expired without either.

    `seat` only tells whose screen changes."""

    id: Key
    seat: str
    state: str
    settled_at: Moment
    why: str | None = None


OWN_WISHES = upsert("pbx_request", OwnWish, key=("id",), fixed=("wanted_at", "sent_at", "expires_at"))
SETTLEMENTS = Statement(
    "pbx_request",
    "UPDATE pbx_request AS t SET state = r.state, settled_at = to_timestamp(r.settled_at), why = r.why, "
    "target = CASE WHEN t.kind = 'send_keys' THEN NULL ELSE t.target END "
    "FROM json_to_recordset(%s::json) AS r(id uuid, state text, settled_at double precision, why text) "
    "WHERE t.id = r.id AND t.state = 'sent'",
)

_AS_WISH = (
    "id::text, kind, seat, queue, reason, penalty, conversation_id::text, "
    "extract(epoch FROM sent_at)::double precision AS sent_at, priority, target, asked_by"
)
CLAIM = (
    "WITH chosen AS (SELECT id FROM pbx_request WHERE node = %(node)s AND state = 'wanted' "  # noqa: S608 - constants
    "AND expires_at > clock_timestamp() AND EXISTS (SELECT 1 FROM node WHERE name = %(node)s AND fence = %(fence)s) "
    "ORDER BY wanted_at, id LIMIT 50 FOR UPDATE SKIP LOCKED), "
    "claimed AS (UPDATE pbx_request SET state = 'sent', sent_at = clock_timestamp() "
    f"WHERE id IN (SELECT id FROM chosen) RETURNING wanted_at, {_AS_WISH}) "
    "SELECT id, kind, seat, queue, reason, penalty, conversation_id, sent_at, priority, target, asked_by FROM claimed "
    "ORDER BY wanted_at, id"
)
"""Wanted wishes become sent, oldest first, while the fence is ours; the claim is committed before a byte leaves."""

MISSES = (
    "SELECT o.id::text, o.seat, extract(epoch FROM o.ended_at)::double precision AS at, o.outcome FROM offer o "
    "WHERE o.node = %(node)s AND o.started_at > clock_timestamp() - make_interval(secs => %(within_s)s + 3600) "
    "AND o.ended_at > clock_timestamp() - make_interval(secs => %(within_s)s) AND o.queue IS NOT NULL "
    "AND o.outcome = ANY(%(counted)s) AND NOT EXISTS (SELECT 1 FROM pbx_request w WHERE w.node = o.node "
    "AND w.seat = o.seat AND w.kind = 'pause' AND w.reason = %(rona)s AND w.wanted_at >= o.ended_at)"
)
"""Calls that were not taken within the last while, and that no absence has settled."""

STILL_SENT = f"SELECT {_AS_WISH} FROM pbx_request WHERE node = %(node)s AND state = 'sent'"  # noqa: S608 - constants
"""What an earlier bridge sent, or claimed and never sent: confirmed by events from now on, or expired."""

GIVE_UP = (
    "UPDATE pbx_request SET state = 'expired', settled_at = clock_timestamp(), "
    "target = CASE WHEN kind = 'send_keys' THEN NULL ELSE target END, "
    "why = CASE state WHEN 'wanted' THEN 'Asterisk was out of reach until its time was over' "
    "ELSE 'Asterisk did not confirm it in time' END "
    "WHERE node = %(node)s AND (state = 'wanted' AND expires_at < clock_timestamp() "
    "OR state = 'sent' AND sent_at < clock_timestamp() - make_interval(secs => %(expiry_s)s) "
    "- CASE kind WHEN 'dial' THEN make_interval(secs => %(dial_longer_s)s) ELSE interval '0' END) "
    "AND EXISTS (SELECT 1 FROM node WHERE name = %(node)s AND fence = %(fence)s) RETURNING seat"
)
"""Unsent wishes past their time; sent ones long past it, of which this bridge knows nothing."""
