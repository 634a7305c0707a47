"""Who is calling, as the agent finds out: a new customer made of the caller, or one of those there are.

Either becomes the customer of this conversation, and the first guess when the number calls again. Called by the card.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import exists, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, customer_matching, customers
from crm.hints import hint_live
from crm.refusals import Refusal
from crm.rules.phone_numbers import to_e164
from crm.rules.withheld import told_number
from crm.tables.agents import Agent
from crm.tables.conversations import Conversation, Offer, Segment
from crm.tables.customers import Customer, CustomerPhone
from crm.tables.organisations import OrganisationMember, OrganisationPhone
from crm.tables.postures import Posture
from crm.tables.visits import CallerFacts

from .customer_news import tell_changed


async def create_from_call(
    session: AsyncSession, *, agent: Agent, node: str, seat: str, conversation_id: UUID, name: str, country: str
) -> Customer:
    """A new customer with the number of this call. Asked twice (a key held down), the one made first is it."""
    call = await call_of(session, agent, node, seat, conversation_id)
    number = await _number(session, call, country)
    # Two agents whose phones ring for one caller, and one agent with two tabs, make one customer.
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:call, 0))"), {"call": str(call.id)})
    found, chosen = await customer_matching.match(session, number, conversation_id=call.id)
    if chosen is not None and any(one.id == chosen and one.why == "said" for one in found):
        return await session.get_one(Customer, chosen)
    known = number or told_number(call.caller) or ""
    phones = [known] if known else []
    shown = name.strip() or (told_number(call.caller_name) or "").strip() or known or "?"
    language = await session.scalar(
        select(CallerFacts.language).where(CallerFacts.node == call.node, CallerFacts.linkedid == call.linkedid)
    )
    customer = await customers.create(session, name=shown, phones=phones, country=country, language=language)
    await _picked(session, call, number, customer, agent, "customer.create")
    await hint_live(session, node, seats=[seat])
    return customer


async def link(
    session: AsyncSession, *, agent: Agent, node: str, seat: str, conversation_id: UUID, customer_id: UUID, country: str
) -> Customer:
    """The caller is this customer. A number that nothing yet leads from to them becomes one of theirs."""
    call = await call_of(session, agent, node, seat, conversation_id)
    customer = await customers.current(session, customer_id, writing=True)
    if customer is None:
        raise Refusal("there is no such customer any more: look for them anew")
    number = await _number(session, call, country)
    if number is not None and not await _leads_to(session, number, customer.id):
        await customers.add_phone(session, customer.id, number, country=country, by=agent.login)
    await _picked(session, call, number, customer, agent, "customer.link")
    await hint_live(session, node, seats=[seat])
    return customer


async def call_of(
    session: AsyncSession, agent: Agent, node: str | None, seat: str | None, conversation_id: UUID
) -> Conversation:
    """The conversation, if it is at this seat now or was offered to this agent."""
    offered = exists().where(Offer.conversation_id == conversation_id, Offer.agent_id == agent.id)
    rings = exists().where(
        Offer.conversation_id == conversation_id, Offer.node == node, Offer.seat == seat, Offer.ended_at.is_(None)
    )
    talked = exists().where(Segment.conversation_id == conversation_id, Segment.agent_id == agent.id)
    here = exists().where(Posture.node == node, Posture.seat == seat, Posture.conversation_id == conversation_id)
    call: Conversation | None = await session.scalar(
        select(Conversation).where(Conversation.id == conversation_id, or_(offered, rings, talked, here))
    )
    if call is None:
        raise Refusal("this call was not yours: open it from your own list of calls")
    return call


async def _number(session: AsyncSession, call: Conversation, country: str) -> str | None:
    learnt = await session.scalar(
        select(CallerFacts.number_e164).where(CallerFacts.node == call.node, CallerFacts.linkedid == call.linkedid)
    )
    return learnt or to_e164(call.caller, country)


async def _leads_to(session: AsyncSession, number: str, customer_id: UUID) -> bool:
    own = exists().where(CustomerPhone.e164 == number, CustomerPhone.customer_id == customer_id)
    shared = (
        exists()
        .where(OrganisationPhone.e164 == number, OrganisationMember.customer_id == customer_id)
        .where(OrganisationMember.organisation_id == OrganisationPhone.organisation_id)
    )
    return bool(await session.scalar(select(or_(own, shared))))


async def _picked(
    session: AsyncSession, call: Conversation, number: str | None, customer: Customer, agent: Agent, did: str
) -> None:
    await customer_matching.pick(
        session, conversation_id=call.id, number_e164=number, customer_id=customer.id, by=agent.login
    )
    detail = {"conversation": str(call.id)}
    await audit.note(session, by=agent.login, did=did, subject="customer", subject_id=str(customer.id), detail=detail)
    await tell_changed(session, customer.id)
