"""A seat's pause as wishes. The state changes when Asterisk says so; until then the screen says *pausing*.

Asked for in the middle of a call, a pause comes after it (and after the work that follows it); until then it can be
withdrawn. What a wish means is decided when it is sent (crm/rules/pause_steps.py). Called by the agent's page, their
phone's codes and `kefu agent pause`. Done twice, it is done once.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, pauses, wishes
from crm.refusals import Refusal
from crm.rules.pause_steps import PAUSING, RESERVED
from crm.tables.postures import Posture
from crm.tables.requests import PbxRequest

REASON_CHARACTERS = 60


async def ask_for_pause(
    session: AsyncSession, *, node: str, seat: str, reason: str, asked_by: str, expiry_s: float
) -> PbxRequest | None:
    """The wish, or None when the seat is paused for this reason already, or will be after the call."""
    reason = reason.strip()
    if not reason or len(reason) > REASON_CHARACTERS or not reason.isprintable():
        raise Refusal(f"a pause needs a reason of 1 to {REASON_CHARACTERS} printable characters")
    await pauses.require(session, reason)
    posture = await _look(session, node, seat)
    so = posture is not None and posture.paused and reason in (posture.pause_reason, posture.next_reason)
    if so and not await _pause_wishes(session, node, seat):
        return None
    return await wishes.ask(
        session, node=node, seat=seat, kind="pause", reason=reason, asked_by=asked_by, expiry_s=expiry_s
    )


async def ask_for_unpause(
    session: AsyncSession,
    *,
    node: str,
    seat: str,
    asked_by: str,
    expiry_s: float,
) -> PbxRequest | None:
    """The wish to be ready, or None when the seat is not paused. After-call work ends by it, in the pause or the
    sign-out that was asked for meanwhile, and the wish names its call; elsewhere a pause to come is withdrawn, and who
    was to sign out stays."""
    posture = await _look(session, node, seat)
    word = posture.word if posture is not None else None
    if word != "wrapping_up":
        await agents.stay(session, node, seat)
    if posture is not None and not posture.paused and not await _pause_wishes(session, node, seat):
        return None
    kind = {"wrapping_up": "end_after_call_work", "talking": "withdraw_pause", "ringing": "withdraw_pause"}
    return await wishes.ask(
        session,
        node=node,
        seat=seat,
        kind=kind.get(word or "", "unpause"),
        asked_by=asked_by,
        expiry_s=expiry_s,
        # How long the work after a call takes is read off the wish that ended it.
        conversation_id=posture.conversation_id if posture is not None and word == "wrapping_up" else None,
    )


async def withdraw_pause(
    session: AsyncSession, *, node: str, seat: str, asked_by: str, expiry_s: float
) -> PbxRequest | None:
    """No pause after this call after all; None when none was to come. One that has begun is not ended by it."""
    posture = await _look(session, node, seat)
    await agents.stay(session, node, seat)
    under_way = await _pause_wishes(session, node, seat)
    if posture is not None and posture.word == "paused" and not under_way:
        return None
    to_come = posture is not None and (posture.next_reason or (posture.paused and posture.word != "wrapping_up"))
    if not to_come and not under_way:
        return None
    return await wishes.ask(session, node=node, seat=seat, kind="withdraw_pause", asked_by=asked_by, expiry_s=expiry_s)


async def end_after_call_work(
    session: AsyncSession,
    *,
    node: str,
    seat: str,
    asked_by: str,
    expiry_s: float,
    conversation_id: UUID | None = None,
) -> PbxRequest:
    """The wish that this call's after-call work ends: in the pause that was asked for meanwhile, else ready. Come late,
    it changes nothing."""
    await wishes.take_turn(session, node, seat)
    return await wishes.ask(
        session,
        node=node,
        seat=seat,
        kind="end_after_call_work",
        asked_by=asked_by,
        expiry_s=expiry_s,
        conversation_id=conversation_id,
    )


async def reserve_seat(session: AsyncSession, *, node: str, seat: str, asked_by: str, expiry_s: float) -> PbxRequest:
    """No queue may ring this seat: it is about to dial. The bridge ends it; one that is paused already stays so."""
    await wishes.take_turn(session, node, seat)
    return await wishes.ask(
        session, node=node, seat=seat, kind="pause", reason=RESERVED, asked_by=asked_by, expiry_s=expiry_s
    )


async def _look(session: AsyncSession, node: str, seat: str) -> Posture | None:
    await wishes.take_turn(session, node, seat)
    return await session.get(Posture, (node, seat), populate_existing=True)


async def _pause_wishes(session: AsyncSession, node: str, seat: str) -> list[PbxRequest]:
    return [wish for wish in await wishes.open_of(session, node, seat) if wish.kind in PAUSING]
