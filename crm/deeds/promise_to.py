"""A callback promised by an agent, to whom a call, a message or a customer's record is about.

Whom to ring, in which language, and which queue's agents is worked out from that; the agent may say otherwise. A
message whose sender is promised a call is finished by it: what is left to do is the promise. Called by the pages.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import callbacks, customers
from crm.callbacks import Promise
from crm.refusals import Refusal
from crm.rules.callback_policy import Window
from crm.rules.phone_numbers import to_e164
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.customers import CustomerPhone

from . import voicemail
from .book_callback import Booked, Foreseen, Wanted, book, foresee
from .link_caller import call_of

# In which queue, language and matter a call was: of the queue it waited in last, or should have.
_ABOUT = text(
    """
SELECT coalesce(
         (SELECT r.queue FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid
           ORDER BY r.decided_at DESC LIMIT 1),
         (SELECT w.queue FROM wait w WHERE w.conversation_id = c.id AND w.queue NOT LIKE 'seat-%'
           ORDER BY w.entered_at DESC LIMIT 1)) AS queue,
       coalesce(facts.language, (SELECT v.language FROM visit v WHERE v.node = c.node AND v.linkedid = c.linkedid
          ORDER BY v.started_at DESC LIMIT 1)) AS language,
       coalesce((SELECT p.customer_id FROM caller_pick p WHERE p.conversation_id = c.id),
                facts.customer_id) AS customer_id, facts.number_e164
  FROM conversation c LEFT JOIN caller_facts facts ON facts.node = c.node AND facts.linkedid = c.linkedid
 WHERE c.id = :id
"""
)


class Whom(Struct, frozen=True):
    """Whom the promise is for. `kind`, `id`: the call, message or customer it came from; `number` None: it was
    withheld; `source`: as the row will say."""

    kind: str
    id: UUID
    number: str | None
    queue: str | None
    source: str
    language: str | None = None
    customer_id: UUID | None = None
    linkedid: str | None = None
    name: str | None = None


class Said(Struct, frozen=True):
    """What the agent says. `number` "": the one that is known; `mine`: the agent calls; `seen`: as in Wanted."""

    queue: str
    number: str = ""
    about: str = ""
    mine: bool = False
    begin: datetime | None = None
    seen: Window | None = None


async def whom(
    session: AsyncSession, settings: Settings, agent: Agent, at: tuple[str | None, str | None], kind: str, about: UUID
) -> Whom:
    """Whom a `call`, a `message` or a `customer` is about. at: node and seat of the agent. Refusal where it is not
    theirs to see."""
    if kind == "call":
        call = await call_of(session, agent, *at, about)
        number = call.dialled if call.direction == "outbound" else call.caller
        return await _of_call(session, Whom(kind, about, number, None, "agent", linkedid=call.linkedid), call.id)
    if kind == "message":
        left = await voicemail.find(session, settings, about, agent)
        found = Whom(kind, about, left.caller, left.box, "voicemail", linkedid=left.linkedid, name=left.customer)
        return await _of_call(session, found, left.conversation_id)
    customer = await customers.current(session, about)
    if customer is None:
        raise Refusal("there is no such customer any more: look for them anew")
    numbers = select(CustomerPhone.e164).where(
        CustomerPhone.customer_id == customer.id, CustomerPhone.e164.is_not(None)
    )
    number = await session.scalar(numbers.order_by(CustomerPhone.do_not_call, CustomerPhone.id).limit(1))
    return Whom(
        "customer", customer.id, number, None, "agent", customer.language, customer_id=customer.id, name=customer.name
    )


async def what_would_be(session: AsyncSession, settings: Settings, agent: Agent, to: Whom, said: Said) -> Foreseen:
    """What would be promised; nothing is written."""
    return await foresee(session, settings, _wanted(agent, to, said))


async def promise_to(
    session: AsyncSession, settings: Settings, agent: Agent, to: Whom, said: Said, *, note: str = ""
) -> Booked:
    """Promise it. note: what a message says of its end."""
    booked = await book(session, settings, _wanted(agent, to, said))
    if to.kind == "message" and (await voicemail.find(session, settings, to.id, agent)).state != "done":
        await voicemail.finish(session, settings, to.id, agent, note)
    return booked


async def promised_to(session: AsyncSession, to: Whom, country: str) -> Promise | None:
    """The promise of any queue that is open to them."""
    standing = await callbacks.open_one(session, None, to_e164(to.number, country), to.customer_id)
    return await callbacks.find(session, standing.id) if standing else None


def _wanted(agent: Agent, to: Whom, said: Said) -> Wanted:
    typed = said.number.strip()
    return Wanted(
        said.queue,
        typed or to.number,
        to.source,
        agent.login,
        to.language,
        customer_id=to.customer_id,
        about=said.about,
        begin=said.begin,
        seen=said.seen,
        owner=agent.login if said.mine else None,
        linkedid=to.linkedid,
    )


async def _of_call(session: AsyncSession, found: Whom, conversation_id: UUID) -> Whom:
    known = (await session.execute(_ABOUT, {"id": conversation_id})).mappings().one_or_none()
    if known is None:
        return found
    return replace(
        found,
        number=known["number_e164"] or found.number,
        queue=found.queue or known["queue"],
        language=known["language"],
        customer_id=known["customer_id"],
    )
