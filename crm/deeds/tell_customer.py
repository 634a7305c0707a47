"""The customer is told of the progress: by a call that somebody makes, or by a text that is written down for a gateway.

No gateway takes SMS or e-mail yet: such a text waits in the outbox (`telling.state = 'written'`) and nobody has got it.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases
from crm.cases import CaseFound, NoSuchCase, tellings
from crm.refusals import Refusal
from crm.rules.telling_texts import fill
from crm.tables.agents import Agent
from crm.tables.cases import Case
from crm.tables.tellings import Telling, TellingTemplate

from .case_news import tell_of

STATES = {
    "en": {"open": "being worked on", "waiting": "waiting for your answer", "solved": "solved", "closed": "closed"},
    "zh": {"open": "处理中", "waiting": "等待您的答复", "solved": "已解决", "closed": "已关闭"},
}


def filled(template: TellingTemplate, case: CaseFound) -> str:
    """The template's text for this case, as it would be sent."""
    states = STATES.get(template.language, STATES["en"])
    values = {
        "name": case.customer or "",
        "number": case.number,
        "subject": case.subject,
        "state": states.get(case.state, case.state),
        "solution": case.solution,
        "company": case.company or "",
    }
    return fill(template.body, values)


async def tell(
    session: AsyncSession,
    number: str,
    *,
    agent: Agent,
    channel: str,
    template: str | None = None,
    body: str = "",
    recipient: str = "",
    language: str | None = None,
    told_already: bool = False,
    version: int | None = None,
) -> tuple[Case, Telling]:
    """Tell the customer, in their language unless said otherwise. `body` empty: the template's words."""
    case = await cases.take_turn(session, number, version=version)
    found = await cases.find(session, case.number)
    if found is None:
        raise NoSuchCase(f"there is no case {number[:40]}")
    language = language or found.customer_language or agent.language
    if not body.strip():
        if not template:
            raise Refusal("say what the customer is told: write it, or choose a template")
        chosen = await tellings.template(session, template, language)
        body, language = filled(chosen, found), chosen.language
    recipient = recipient.strip() or (found.phone or "" if channel != "email" else "")
    telling = await tellings.write(
        session,
        case_id=case.id,
        channel=channel,
        recipient=recipient,
        body=body,
        language=language,
        by=agent.login,
        template=template,
        told_already=told_already,
    )
    await cases.change(session, case, by=agent.login, did=_did(telling), said=telling.body)
    await tell_of(session, case, _did(telling), by=agent.login, detail={"channel": channel})
    return case, telling


async def called(session: AsyncSession, number: str, telling_id: UUID, *, agent: Agent) -> Case:
    """The call that was to be made was made."""
    case = await cases.take_turn(session, number)
    if await tellings.called(session, telling_id, by=agent.login) != case.id:
        raise Refusal("this call was made already, or there is no such call")
    await cases.change(session, case, by=agent.login, did="told", said="called")
    await tell_of(session, case, "told", by=agent.login, detail={"channel": "call"})
    return case


def _did(telling: Telling) -> str:
    return {"to_call": "call_promised", "told": "told"}.get(telling.state, "text_written")
