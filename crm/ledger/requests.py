"""Wishes as the bridge writes them: its own after-call work pause, and the settlement of everyone's."""

from __future__ import annotations

from .statement import Key, Moment, Row, Statement, upsert


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
    """How a sent wish ended: confirmed by Asterisk's event, refused by its answer, or expired without either."""

    id: Key
    state: str
    settled_at: Moment
    why: str | None = None


OWN_WISHES = upsert("pbx_request", OwnWish, key=("id",), fixed=("wanted_at", "sent_at", "expires_at"))
SETTLEMENTS = Statement(
    "pbx_request",
    "UPDATE pbx_request AS t SET state = r.state, settled_at = to_timestamp(r.settled_at), why = r.why "
    "FROM json_to_recordset(%s::json) AS r(id uuid, state text, settled_at double precision, why text) "
    "WHERE t.id = r.id AND t.state = 'sent'",
)
