"""What we ask Asterisk to do: one row a wish, written here, moved on by the bridge alone.

A second equal wish while the first is open is the same wish: a double click asks once. Called by deeds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import DateTime, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from .hints import hint_live, hint_wishes
from .rules.pause_steps import PAUSING
from .rules.wish_time import longer_s
from .tables.requests import PbxRequest

OPEN = ("wanted", "sent")
OPPOSITES = {
    **dict.fromkeys(PAUSING, PAUSING),
    "add_member": ("add_member", "remove_member"),
    "remove_member": ("add_member", "remove_member"),
    "set_penalty": ("set_penalty",),
    "reload_rules": ("reload_rules",),
    "set_priority": ("set_priority", "withdraw"),
    "withdraw": ("set_priority", "withdraw"),
    "mute": ("mute", "unmute"),
    "unmute": ("mute", "unmute"),
    **{kind: (kind,) for kind in ("hang_up", "transfer", "consult", "consult_end", "park", "dial")},
    "send_keys": (),  # the same key twice is two keys
}
_now = func.clock_timestamp(type_=DateTime(timezone=True))


async def take_turn(session: AsyncSession, node: str, seat: str) -> None:
    """Until the transaction ends nobody else decides about this seat: what is read now still holds when we write."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"seat {node} {seat}", 0))))


async def open_of(session: AsyncSession, node: str, seat: str) -> list[PbxRequest]:
    """The wishes about a seat that are neither settled nor out of time, oldest first."""
    found = await session.scalars(
        select(PbxRequest)
        .where(
            PbxRequest.node == node, PbxRequest.seat == seat, PbxRequest.state.in_(OPEN), PbxRequest.expires_at > _now
        )
        .order_by(PbxRequest.wanted_at, PbxRequest.id)
    )
    return list(found)


async def ask(
    session: AsyncSession,
    *,
    node: str,
    seat: str,
    kind: str,
    asked_by: str,
    expiry_s: float,
    queue: str | None = None,
    reason: str | None = None,
    penalty: int | None = None,
    priority: int | None = None,
    target: str | None = None,
    conversation_id: UUID | None = None,
) -> PbxRequest:
    """Write the wish, or return the open one that says the same. Call `take_turn` before reading what it rests on."""
    said = (kind, reason, penalty, priority, target)
    for known in reversed(await open_of(session, node, seat)):
        if known.kind in OPPOSITES[kind] and known.queue == queue:
            if (known.kind, known.reason, known.penalty, known.priority, known.target) == said:
                return known
            break  # the last word about it was another one: asked for anew, it is carried out after that
    wish = PbxRequest(
        node=node,
        seat=seat,
        kind=kind,
        queue=queue,
        reason=reason,
        penalty=penalty,
        priority=priority,
        target=target,
        asked_by=asked_by,
        conversation_id=conversation_id,
        expires_at=_now + timedelta(seconds=expiry_s),
    )
    session.add(wish)
    await session.flush()
    await hint_wishes(session, node)
    await hint_live(session, node, seats=[seat])
    return wish


async def settled(session: AsyncSession, wish_id: UUID) -> tuple[str, str | None] | None:
    """The final state of a wish and why; None while it is open. A wish whose time ran out unsent counts as expired."""
    asked = (PbxRequest.kind, PbxRequest.state, PbxRequest.why, PbxRequest.expires_at, _now)
    kind, state, why, expires_at, now = (await session.execute(select(*asked).where(PbxRequest.id == wish_id))).one()
    if state not in OPEN:
        return state, why
    # The bridge settles what it sees; the second beyond is its time to do so.
    return ("expired", "no bridge has answered") if now > _over_at(kind, state, expires_at) else None


def _over_at(kind: str, state: str, expires_at: datetime) -> datetime:
    return expires_at + timedelta(seconds=1 + (longer_s(kind) if state == "sent" else 0))
