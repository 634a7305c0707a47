"""Subscribers of webhooks and their outbox: what each is still to be told, what it was told, what was given up.

Deliveries of one key leave in the order of their numbers: a later one waits while an earlier one of its key does. A
subscriber that does not answer is left alone for a while as a whole, so that a dead target costs one attempt at a time.
Called by the command line, the api and the delivering deed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from . import queue_sight
from .refusals import Refusal
from .rules.event_catalogue import unknown
from .rules.signature import encode_secret
from .tables.webhooks import Webhook, WebhookDelivery

SECRET_BYTES = 32
LONGEST_FAULT = 300


class WebhookListed(Struct, frozen=True):
    """One subscriber and how far it is. `behind`: deliveries that wait; `dead`: given up."""

    name: str
    url: str
    kinds: list[str]
    queues: list[str] | None
    active: bool
    behind: int
    dead: int
    failures: int
    pause_until: datetime | None
    last_told_at: datetime | None
    last_fault: str | None


class Due(Struct, frozen=True):
    """A delivery to send now, with what it tells."""

    id: UUID
    number: int
    key: str
    kind: str
    data: dict[str, object]
    at: datetime
    attempts: int
    first_tried_at: datetime | None
    replayed: bool


class Dead(Struct, frozen=True):
    """A delivery that was given up."""

    id: UUID
    number: int
    kind: str
    key: str
    at: datetime
    attempts: int
    settled_at: datetime
    last_status: int | None
    last_fault: str | None


# The first of each key that waits; it may be sent when its own time has come.
_HEADS = """
  FROM webhook_delivery d
 WHERE d.webhook_id = w.id AND d.state = 'waiting' AND d.next_at <= now()
   AND NOT EXISTS (SELECT FROM webhook_delivery e
                    WHERE e.webhook_id = d.webhook_id AND e.key = d.key AND e.state = 'waiting'
                      AND e.number < d.number)
"""
_WITH_WORK = text(
    f"""
SELECT w.id FROM webhook w, LATERAL (SELECT d.id {_HEADS} ORDER BY d.number LIMIT 1) first
 WHERE w.active AND (w.pause_until IS NULL OR w.pause_until <= now())
"""  # noqa: S608 - a constant of this file
)
_DUE = text(
    f"""
SELECT d.id, d.number, d.key, a.kind, a.data, a.at, d.attempts, d.first_tried_at, d.replayed
  FROM webhook w, LATERAL (SELECT d.* {_HEADS} ORDER BY d.number LIMIT :limit) d
  JOIN announcement a ON a.id = d.announcement_id
 WHERE w.id = :webhook AND w.active AND (w.pause_until IS NULL OR w.pause_until <= now())
 ORDER BY d.number
"""  # noqa: S608 - a constant of this file
)
_LISTED = text(
    """
SELECT w.name, w.url, w.kinds, w.queues, w.active, w.failures, w.pause_until,
       (SELECT count(*) FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 'waiting') AS behind,
       (SELECT count(*) FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 'dead') AS dead,
       (SELECT max(settled_at) FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 'delivered')
         AS last_told_at,
       (SELECT last_fault FROM webhook_delivery d
         WHERE d.webhook_id = w.id AND d.state = 'waiting' AND last_fault IS NOT NULL ORDER BY number LIMIT 1)
         AS last_fault
  FROM webhook w ORDER BY w.name
"""
)


async def add(
    session: AsyncSession,
    *,
    name: str,
    url: str,
    kinds: Sequence[str],
    by: str,
    secret: str | None = None,
    queues: Sequence[str] = (),
) -> Webhook:
    """A new subscriber, told of what happens from now on. Refusal for a name that is taken, a kind or a queue that is
    none. `queues`: it is told of what these have seen alone; none: of all.

    The caller checks the address (crm.outgoing.check_url).
    """
    if not name.isprintable() or not 0 < len(name) <= 60:
        raise Refusal("a subscriber's name has 1 to 60 printable characters")
    if strange := unknown(kinds):
        raise Refusal(f"{strange[0]!r} is in no catalogue: see `kefu webhook events`")
    await queue_sight.check_known(session, queues)
    made = secret or encode_secret(secrets.token_bytes(SECRET_BYTES))
    row = insert(Webhook).values(
        id=func.gen_random_uuid(),
        name=name,
        url=url,
        secret=made,
        kinds=list(dict.fromkeys(kinds)),
        queues=sorted(set(queues)) or None,
        created_by=by,
    )
    added: Webhook | None = await session.scalar(row.on_conflict_do_nothing(index_elements=["name"]).returning(Webhook))
    if added is None:
        raise Refusal(f"there is a subscriber {name!r} already: choose another name")
    return added


async def find(session: AsyncSession, name: str) -> Webhook:
    """The subscriber of this name; Refusal when there is none."""
    found: Webhook | None = await session.scalar(select(Webhook).where(Webhook.name == name))
    if found is None:
        raise Refusal(f"there is no subscriber {name!r}: see `kefu webhook list`")
    return found


async def remove(session: AsyncSession, name: str) -> None:
    """Forget a subscriber with all that it was still to be told."""
    await session.execute(delete(Webhook).where(Webhook.id == (await find(session, name)).id))


async def switch(session: AsyncSession, name: str, *, active: bool) -> None:
    """Stop telling a subscriber, or begin again at once. What happens while it is off is not kept for it."""
    found = await find(session, name)
    await session.execute(
        update(Webhook).where(Webhook.id == found.id).values(active=active, failures=0, pause_until=None)
    )


async def listed(session: AsyncSession) -> list[WebhookListed]:
    """All subscribers by name."""
    return [WebhookListed(**row) for row in (await session.execute(_LISTED)).mappings()]


async def with_work(session: AsyncSession) -> list[UUID]:
    """Subscribers to whom something can be sent now."""
    return list((await session.execute(_WITH_WORK)).scalars())


async def due(session: AsyncSession, webhook_id: UUID, *, limit: int) -> list[Due]:
    """What can be sent to this subscriber now, each of another key; nothing while it is left alone."""
    rows = await session.execute(_DUE, {"webhook": webhook_id, "limit": limit})
    return [Due(**row) for row in rows.mappings()]


async def note_delivered(session: AsyncSession, delivery_id: UUID, *, status: int) -> None:
    """The receiver took it."""
    now = func.clock_timestamp()
    values = {"state": "delivered", "last_status": status, "last_fault": None, "settled_at": now}
    await _settle(session, delivery_id, values)


async def note_failed(
    session: AsyncSession, delivery_id: UUID, *, fault: str, status: int | None, again_s: float | None
) -> None:
    """The receiver did not take it: again in so many seconds, or (None) never by itself."""
    now = func.clock_timestamp()
    values: dict[str, object] = {"last_status": status, "last_fault": fault.replace("\x00", "")[:LONGEST_FAULT]}
    if again_s is None:
        values |= {"state": "dead", "settled_at": now}
    else:
        values["next_at"] = now + text("make_interval(secs => :again_s)").bindparams(again_s=again_s)
    await _settle(session, delivery_id, values)


async def note_answers(session: AsyncSession, webhook_id: UUID) -> None:
    """The subscriber answers (again)."""
    settled = update(Webhook).where(Webhook.id == webhook_id, Webhook.failures > 0)
    await session.execute(settled.values(failures=0, pause_until=None))


async def note_silent(session: AsyncSession, webhook_id: UUID, *, failures: int, away_s: float) -> None:
    """The subscriber does not answer: it is left alone for so many seconds."""
    until = func.clock_timestamp() + text("make_interval(secs => :away_s)").bindparams(away_s=away_s)
    await session.execute(update(Webhook).where(Webhook.id == webhook_id).values(failures=failures, pause_until=until))


async def dead(session: AsyncSession, name: str, *, limit: int = 200) -> list[Dead]:
    """What was given up for a subscriber, the oldest first."""
    found = await find(session, name)
    rows = text(
        "SELECT d.id, d.number, a.kind, d.key, a.at, d.attempts, d.settled_at, d.last_status, d.last_fault "
        "FROM webhook_delivery d JOIN announcement a ON a.id = d.announcement_id "
        "WHERE d.webhook_id = :webhook AND d.state = 'dead' ORDER BY d.number LIMIT :limit"
    )
    return [Dead(**row) for row in (await session.execute(rows, {"webhook": found.id, "limit": limit})).mappings()]


async def replay(session: AsyncSession, name: str, *, ids: Sequence[UUID] = (), from_number: int | None = None) -> int:
    """Send again, under the same ids: what was given up (of `ids`, or all of it), or with `from_number` all from that
    number on, delivered or not. Returns how many."""
    found = await find(session, name)
    again = update(WebhookDelivery).where(WebhookDelivery.webhook_id == found.id)
    if from_number is not None:
        again = again.where(WebhookDelivery.number >= from_number)
    else:
        again = again.where(WebhookDelivery.state == "dead")
    if ids:
        again = again.where(WebhookDelivery.id.in_(ids))
    fresh = {"state": "waiting", "attempts": 0, "first_tried_at": None, "settled_at": None, "replayed": True}
    rows = await session.execute(again.values(**fresh, next_at=func.clock_timestamp()))
    await session.execute(update(Webhook).where(Webhook.id == found.id).values(failures=0, pause_until=None))
    return int(rows.rowcount)  # type: ignore[attr-defined]


async def _settle(session: AsyncSession, delivery_id: UUID, values: dict[str, object]) -> None:
    row = update(WebhookDelivery).where(WebhookDelivery.id == delivery_id, WebhookDelivery.state == "waiting")
    first = func.coalesce(WebhookDelivery.first_tried_at, func.clock_timestamp())
    await session.execute(row.values(**values, attempts=WebhookDelivery.attempts + 1, first_tried_at=first))
