"""What the bridge sees of a try to call back: facts, each written once and never unsaid. The try's row was there before
anything was sent; whoever settles it reads these."""

from __future__ import annotations

from .statement import Key, Moment, Row, Statement


class AttemptFacts(Row):
    """`id` is the Uniqueid of the place's first half. `chose`: the key the customer pressed, "" for none. `queued_at`:
    a customer who was dialled first stands in the queue."""

    id: Key
    seen_at: Moment | None = None
    dialled_at: Moment | None = None
    chose: str | None = None
    queued_at: Moment | None = None
    talked_at: Moment | None = None
    ended_at: Moment | None = None
    dial_status: str | None = None
    cause: int | None = None


_MOMENTS = ("seen_at", "dialled_at", "queued_at", "talked_at", "ended_at")
_WORDS = ("chose", "dial_status", "cause")
_CHANGES = ", ".join(
    [f"{name} = coalesce(t.{name}, to_timestamp(r.{name}))" for name in _MOMENTS]
    + [f"{name} = coalesce(t.{name}, r.{name})" for name in _WORDS]
)
ATTEMPT_FACTS = Statement(
    "callback_attempt",
    f"UPDATE callback_attempt AS t SET {_CHANGES} "  # noqa: S608 - constants
    "FROM json_to_recordset(%s::json) AS r(id uuid, seen_at double precision, dialled_at double precision, "
    "chose text, queued_at double precision, talked_at double precision, "
    "ended_at double precision, dial_status text, cause bigint) "
    "WHERE t.id = r.id",
)
