"""Where a call can be sent: a colleague's seat, a queue, somebody of the directory, a number outside by trust.

`transfer_call` lets go of the caller; `consult` asks first. A note for whoever takes the call goes with either. Called
by pages and the command line.
"""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import handovers
from crm.refusals import Refusal
from crm.rules.personal_queues import number_of, personal_queue
from crm.tables.directory import DirectoryEntry
from crm.tables.postures import Posture
from crm.tables.queues import Queue
from crm.tables.requests import PbxRequest

from .outside_number import outside_number
from .own_call import AtSeat, allowed, own_call, wish_about

CONSULT_ENDS = ("complete", "cancel", "join", "swap")
_AWAY = ("unseen", "offline")


class Target(Struct, frozen=True):
    """`extension`: in the context of transfers; `typed`: as keys, None where nobody can be asked first."""

    extension: str
    typed: str | None


async def find_target(session: AsyncSession, at: AtSeat, said: str, country: str) -> Target:
    """`seat:PJSIP/1002`, `queue:support`, `entry:<id>`, `number:…`, or one of these without its word. Refusal for
    whom the call cannot be sent to."""
    kind, colon, rest = said.strip().partition(":")
    finders = {"seat": _seat, "queue": _queue, "entry": _entry, "number": _number}
    if colon and kind in finders:
        return await finders[kind](session, at, rest.strip(), country)
    return await _anything(session, at, said.strip(), country)


async def transfer_call(
    session: AsyncSession,
    at: AtSeat,
    said: str,
    *,
    country: str,
    note: str | None = None,
    conversation_id: UUID | None = None,
) -> PbxRequest:
    """The wish to send the caller on. What was asked of Asterisk is told by its event alone."""
    call = await own_call(session, at, conversation_id)
    target = await find_target(session, at, said, country)
    await _tell(session, at, call, note)
    return await wish_about(session, at, "transfer", call, target.extension)


async def consult(
    session: AsyncSession,
    at: AtSeat,
    said: str,
    *,
    country: str,
    note: str | None = None,
    conversation_id: UUID | None = None,
) -> PbxRequest:
    """The wish to ask a colleague while the caller hears music."""
    call = await own_call(session, at, conversation_id)
    target = await find_target(session, at, said, country)
    if target.typed is None:
        raise Refusal("a queue cannot be asked first: hand the caller over")
    await _tell(session, at, call, note)
    return await wish_about(session, at, "consult", call, target.typed)


async def end_consult(session: AsyncSession, at: AtSeat, how: str, conversation_id: UUID | None = None) -> PbxRequest:
    """The wish to leave the two together (complete), go back to the caller (cancel), talk all three (join), or talk
    with the other one of the two (swap)."""
    if how not in CONSULT_ENDS:
        raise Refusal(f"{how[:20]!r} ends no consult: it is one of {', '.join(CONSULT_ENDS)}")
    return await wish_about(session, at, "consult_end", await own_call(session, at, conversation_id), how)


async def park_call(session: AsyncSession, at: AtSeat, conversation_id: UUID | None = None) -> PbxRequest:
    """The wish to leave the caller with music for any seat to take."""
    return await wish_about(session, at, "park", await own_call(session, at, conversation_id))


async def _tell(session: AsyncSession, at: AtSeat, call: UUID, note: str | None) -> None:
    if note is not None and note.strip():
        await handovers.note(session, conversation_id=call, agent_id=at.agent_id, body=note)


async def _seat(session: AsyncSession, at: AtSeat, seat: str, country: str) -> Target:
    own = personal_queue(seat)
    if own is None:
        raise Refusal(f"{seat[:40]!r} is no seat with a number: see who is there")
    if seat == at.seat:
        raise Refusal("that is your own seat")
    posture = await session.get(Posture, (at.node, seat))
    if posture is None or posture.word in _AWAY:
        raise Refusal(f"the phone of {seat} is away: choose somebody else")
    return Target(f"seat-{number_of(own)}", number_of(own))


async def _queue(session: AsyncSession, at: AtSeat, name: str, country: str) -> Target:
    if await session.get(Queue, name) is None:
        raise Refusal(f"there is no queue {name[:40]!r}")
    return Target(f"queue-{name}", None)


async def _entry(session: AsyncSession, at: AtSeat, said: str, country: str) -> Target:
    try:
        entry = await session.get(DirectoryEntry, UUID(said))
    except ValueError:
        entry = None
    if entry is None or not entry.active:
        raise Refusal("there is no such directory entry (any more)")
    if personal_queue(f"PJSIP/{entry.extension}") is not None:
        return await _seat(session, at, f"PJSIP/{entry.extension}", country)
    number = entry.mobile or entry.extension
    if not number:
        raise Refusal(f"the directory has no number for {entry.name}")
    return await _number(session, at, number, country)


async def _number(session: AsyncSession, at: AtSeat, typed: str, country: str) -> Target:
    e164 = await outside_number(session, at, typed, country)
    return Target(f"out{e164}", f"9{e164.lstrip('+')}")


async def _anything(session: AsyncSession, at: AtSeat, said: str, country: str) -> Target:
    if not said:
        raise Refusal("say where the call shall go")
    if personal_queue(f"PJSIP/{said}") is not None:
        return await _seat(session, at, f"PJSIP/{said}", country)
    if personal_queue(said) is not None:
        return await _seat(session, at, said, country)
    if await session.scalar(select(Queue.name).where(Queue.name == said)):
        return await _queue(session, at, said, country)
    return await _number(session, at, said, country)


__all__ = ["CONSULT_ENDS", "Target", "allowed", "consult", "end_consult", "find_target", "park_call", "transfer_call"]
