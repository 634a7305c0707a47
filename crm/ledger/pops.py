"""Screen-pops: one row for each card put on the screen of a seat."""

from __future__ import annotations

from .statement import Key, Moment, Row, upsert


class Pop(Row):
    """`rung_at` by Asterisk's clock, `heard_at` by the bridge's when the bytes were read."""

    id: Key
    node: str
    seat: str
    conversation_id: Key
    wait_id: Key | None
    rung_at: Moment
    heard_at: Moment
    answered_at: Moment | None = None
    taken_at: Moment | None = None
    ending: str | None = None


POPS = upsert("pop", Pop, key=("id",), fixed=("heard_at",))
