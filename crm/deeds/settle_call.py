"""Every answered call ends with a case, or with a reason why it has none: the question that the wrap-up asks.

The answer is one word: `case:10017` (it was about this one), `new:complaint` (open one of this category now) or
`none:wrong_number`. Saved in the transaction of the outcome, so that neither is kept without the other.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases
from crm.cases import calls
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.cases import Case
from crm.tables.conversations import Conversation
from crm.tables.outcomes import Outcome
from crm.tables.visits import CallerFacts

from .open_case import open_case


class NotSaid(Refusal):
    """The call has neither a case nor a reason, and none was given."""


async def settle_call(
    session: AsyncSession,
    settings: Settings,
    *,
    agent: Agent,
    conversation_id: UUID,
    said: str,
    outcome: str = "",
    note: str = "",
    customer_id: UUID | None = None,
) -> Case | None:
    """The call's case, or None. Nothing said is enough for a call that has its answer, and where the outcome gives it;
    for all others NotSaid."""
    if not said and not await calls.is_settled(session, conversation_id):
        chosen = await session.get(Outcome, outcome)
        said = chosen.settles if chosen else ""
    word, _, what = said.partition(":")
    if word == "case":
        case = await cases.take_turn(session, what)
        await calls.link(session, conversation_id, case.id, by=agent.login)
        return case
    if word == "new":
        return await open_from_call(
            session,
            settings,
            agent=agent,
            conversation_id=conversation_id,
            category=what,
            subject=_first_line(note),
            description=note,
            customer_id=customer_id,
            key="wrap-up",
        )
    if word == "none" and what:
        await calls.explain(session, conversation_id, what, by=agent.login)
        return None
    if await calls.is_settled(session, conversation_id):
        return None
    raise NotSaid("say which case this call belongs to, or why it has none")


async def open_from_call(
    session: AsyncSession,
    settings: Settings,
    *,
    agent: Agent,
    conversation_id: UUID,
    category: str,
    subject: str = "",
    description: str = "",
    customer_id: UUID | None = None,
    key: str = "",
) -> Case:
    """Open a case from the card. `key`: with which the browser asked; the same one gives the same case."""
    call = await session.get(Conversation, conversation_id)
    if call is None:
        raise Refusal("this call is not in the ledger: open the case from the list of cases")
    facts = await session.scalar(
        select(CallerFacts).where(CallerFacts.node == call.node, CallerFacts.linkedid == call.linkedid)
    )
    if customer_id is None and facts is not None:
        customer_id = facts.customer_id
    number = (facts.number_e164 if facts else None) or call.caller
    return await open_case(
        session,
        settings,
        owner=agent,
        by=agent.login,
        category=category,
        subject=subject or f"{number or '–'}, {call.started_at.astimezone(settings.zone):%Y-%m-%d %H:%M}",
        description=description,
        customer_id=customer_id,
        caller=number,
        conversation_id=conversation_id,
        opening_key=f"call {conversation_id} {key}",
    )


def _first_line(note: str) -> str:
    lines = [line.strip() for line in note.splitlines() if line.strip()]
    return lines[0][:120] if lines else ""
