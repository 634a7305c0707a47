"""Whether a number outside may be called, and by whom: called before each dialling and each transfer to the outside.

By trust: numbers of the own country by whoever may dial; other countries and numbers that cost more by those who may
dial abroad; numbers on the block list, and those that asked not to be called, by nobody.
"""

from __future__ import annotations

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import number_lists
from crm.refusals import Refusal
from crm.rules.phone_numbers import is_far, to_e164
from crm.tables.customers import CustomerPhone
from crm.tables.organisations import OrganisationPhone

from .own_call import AtSeat, allowed


async def outside_number(session: AsyncSession, at: AtSeat, typed: str, country: str) -> str:
    """E.164 of a number that this person may call. Refusal with the reason for all others."""
    e164 = to_e164(typed, country)
    if e164 is None:
        raise Refusal(f"{typed[:40]!r} is no number that can be dialled: write it with its area or country")
    allowed(at, "call.dial")
    if is_far(e164, country):
        allowed(at, "call.dial_abroad")
    if (blocked := await number_lists.why_blocked(session, e164)) is not None:
        raise Refusal(f"{e164} is blocked ({blocked}): take it off the list first")
    kept = [exists().where(phone.e164 == e164, phone.do_not_call) for phone in (CustomerPhone, OrganisationPhone)]
    if await session.scalar(select(or_(*kept))):
        raise Refusal(f"{e164} asked not to be called: it is on the do-not-call list")
    return e164
