"""An agent dials from a page: the seat is kept free of queues first, its phone rings, then the number. At most once.

A parked caller is taken back the same way. Called by every page on which a number stands, and by the command line.
"""

from __future__ import annotations

import re

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import wishes
from crm.refusals import Refusal
from crm.rules.pause_steps import RESERVED
from crm.tables.postures import Membership, Posture
from crm.tables.requests import PbxRequest

from .ask_for_pause import reserve_seat
from .own_call import AtSeat, allowed
from .send_call import find_target

_FREE = ("ready", "paused", "wrapping_up")
_PARKED = re.compile(r"parked:(7\d\d)")


async def dial_number(session: AsyncSession, at: AtSeat, said: str, *, country: str) -> PbxRequest:
    """The wish to dial; its id is the Linkedid of the call to come. `said`: a number, or as for a transfer;
    `parked:701`: the caller who waits there. Refusal for whom this agent may not call, and where the phone is busy."""
    allowed(at, "call.control")
    await wishes.take_turn(session, at.node, at.seat)
    posture = await session.get(Posture, (at.node, at.seat), populate_existing=True)
    if posture is None or posture.word in ("unseen", "offline"):
        raise Refusal("your phone is away: nothing can be dialled")
    if posture.word not in _FREE:
        raise Refusal("there is a call on your phone already")
    if posture.paused and posture.pause_reason == RESERVED:
        raise Refusal("your phone is kept free: a customer or another number is being dialled")
    if any(wish.kind == "dial" for wish in await wishes.open_of(session, at.node, at.seat)):
        raise Refusal("another number is about to be dialled")
    parked = _PARKED.fullmatch(said.strip())
    target = parked[1] if parked else (await find_target(session, at, said, country)).extension
    if target.startswith("queue-"):
        raise Refusal("a queue cannot be dialled from here")
    in_queues = exists().where(Membership.node == at.node, Membership.seat == at.seat, Membership.left_at.is_(None))
    reserved = not posture.paused and bool(await session.scalar(select(in_queues)))
    if reserved:
        await reserve_seat(session, node=at.node, seat=at.seat, asked_by=at.by, expiry_s=at.expiry_s)
    return await wishes.ask(
        session,
        node=at.node,
        seat=at.seat,
        kind="dial",
        target=target,
        reason=RESERVED if reserved else None,
        asked_by=at.by,
        expiry_s=at.expiry_s,
    )
