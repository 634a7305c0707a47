"""What customers were told of their cases: every telling is a row with the words as they were.

A text for SMS or e-mail is only written down here, in an outbox that no gateway takes from yet; a call is to be made by
a person, who says so.
"""

from __future__ import annotations

import re
from uuid import UUID

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm.refusals import Refusal
from crm.rules.telling_texts import LONGEST, unknown_places
from crm.tables.tellings import CHANNELS, Telling, TellingTemplate

from .writing import line

_EMAIL = re.compile(r"[^@\s<>\"]{1,64}@[A-Za-z0-9.-]{1,190}")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
LANGUAGES = ("en", "zh")


async def write(
    session: AsyncSession,
    *,
    case_id: UUID,
    channel: str,
    recipient: str,
    body: str,
    language: str,
    by: str,
    template: str | None = None,
    told_already: bool = False,
) -> Telling:
    """Note a telling: `told_already` when it was said in a call. Refusal without words or a fit recipient."""
    if channel not in CHANNELS:
        raise Refusal(f"channel {channel[:40]!r} is unknown: it is one of {', '.join(CHANNELS)}")
    body = body.replace("\x00", "").replace("\r\n", "\n").strip()
    if not 0 < len(body) <= LONGEST:
        raise Refusal(f"the text has {len(body)} characters: 1 to {LONGEST} fit")
    recipient = line(recipient, "recipient")
    if channel == "email" and not _EMAIL.fullmatch(recipient):
        raise Refusal("an e-mail needs an address such as name@example.com")
    if channel == "sms" and not (recipient.startswith("+") and recipient[1:].isdigit()):
        raise Refusal("an SMS needs a number with its country, such as +8613800138000")
    state = ("told" if told_already else "to_call") if channel == "call" else "written"
    row = Telling(
        case_id=case_id, channel=channel, recipient=recipient, template=template, language=language, body=body,
        state=state, by=by,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    if state == "told":
        row.done_at, row.done_by = row.at, by
    return row


async def called(session: AsyncSession, telling_id: UUID, *, by: str) -> UUID | None:
    """The call was made; whose case it was, or None when there is no such call to make."""
    found: UUID | None = await session.scalar(
        update(Telling)
        .where(Telling.id == telling_id, Telling.state == "to_call")
        .values(state="told", done_at=func.clock_timestamp(), done_by=by)
        .returning(Telling.case_id)
    )
    return found


async def of_case(session: AsyncSession, case_id: UUID) -> list[Telling]:
    """All tellings of a case, the newest first."""
    rows = select(Telling).where(Telling.case_id == case_id).order_by(Telling.at.desc(), Telling.id)
    return list(await session.scalars(rows))


async def calls_to_make(session: AsyncSession, case_id: UUID) -> bool:
    """Whether a call to the customer was promised and not made."""
    return bool(await session.scalar(select(exists().where(Telling.case_id == case_id, Telling.state == "to_call"))))


async def outbox(session: AsyncSession, *, limit: int = 500) -> list[Telling]:
    """Texts that wait for a gateway, the oldest first."""
    rows = select(Telling).where(Telling.state == "written").order_by(Telling.at).limit(limit)
    return list(await session.scalars(rows))


async def templates(session: AsyncSession) -> list[TellingTemplate]:
    """All templates."""
    rows = select(TellingTemplate).order_by(TellingTemplate.code, TellingTemplate.language)
    return list(await session.scalars(rows))


async def template(session: AsyncSession, code: str, language: str) -> TellingTemplate:
    """The template in this language, else in another one. Refusal when there is none."""
    for wanted in dict.fromkeys((language, *LANGUAGES)):
        found = await session.get(TellingTemplate, (code, wanted))
        if found is not None:
            return found
    raise Refusal(f"there is no template {code[:40]!r}: see `kefu case template list`")


async def define_template(session: AsyncSession, code: str, language: str, title: str, body: str) -> None:
    """Make or change a template. Refusal for places that nothing fills."""
    if not _CODE.fullmatch(code) or language not in LANGUAGES:
        raise Refusal("a template has a code of small letters and a language, en or zh")
    if unknown_places(body):
        raise Refusal(f"nothing fills the places {', '.join(unknown_places(body))} of this template")
    if not 0 < len(body) <= LONGEST:
        raise Refusal(f"the text has {len(body)} characters: 1 to {LONGEST} fit")
    await session.merge(TellingTemplate(code=code, language=language, title=line(title, "title"), body=body))
    await session.flush()
