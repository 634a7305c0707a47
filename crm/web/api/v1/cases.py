"""Cases: listed, read with their history, opened for an agent who owns them, noted at."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from crm import agents, cases, customers
from crm.deeds.note_case import note_case
from crm.deeds.open_case import open_case
from crm.queue_sight import was_about
from crm.rules import page_cursor
from crm.tables.agents import Agent
from crm.tables.cases import Case
from crm.tables.customers import Customer

from . import replies
from .asking import Asking, asked
from .bounds import sees, sees_call
from .fields import PAGE, Code, Cursor, Given, Limit, Line, Page, Text
from .problems import Refused, answers
from .replies import ETAG_HEADER, IfNoneMatch, Key, Reply, etag

router = APIRouter(tags=["cases"])

CaseNumber = Annotated[Code, Path(description="The case's number, as the customer was told it.")]
State = Literal["open", "waiting", "solved", "closed"]


class CaseAnswer(BaseModel):
    """A case. `owner` answers for it, `handler` works at it now (null: its tier's queue)."""

    id: UUID
    number: str
    state: str
    tier: str
    category: str
    subject: str
    description: str
    solution: str
    customer_code: str | None
    caller: str | None
    owner: str
    handler: str | None
    opened_by: str
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    version: int


class HappenedAnswer(BaseModel):
    """One line of a case's history."""

    at: datetime
    by: str
    did: str
    field: str | None
    was: str | None
    became: str | None
    said: str


class CaseWithHistory(CaseAnswer):
    """A case with all that happened to it, the newest first."""

    history: list[HappenedAnswer]


class NewCase(Given):
    """A case to open. `owner`: the login of the agent whose it is."""

    category: Code
    subject: Line = Field(min_length=1)
    description: Text = ""
    owner: Code
    customer_code: Code | None = None
    conversation_id: UUID | None = None


class NewNote(Given):
    """Something to write down at a case."""

    note: Text = Field(min_length=1)


@router.get("/cases", responses=answers())
async def list_cases(
    asking: Annotated[Asking, asked("case.read", bound=True)],
    state: Annotated[State | None, Query(description="Only cases in this state.")] = None,
    customer_code: Annotated[Code | None, Query(description="Only cases of this customer.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[CaseAnswer]:
    """The cases opened last first."""
    try:
        after = page_cursor.read(cursor)
    except ValueError as strange:
        raise Refused(422, f"cursor: {strange}") from None
    rows = _cases().order_by(Case.opened_at.desc(), Case.id.desc()).limit(limit + 1)
    if asking.queues is not None:
        rows = rows.where(was_about(asking.queues))
    if state is not None:
        rows = rows.where(Case.state == state)
    if customer_code is not None:
        rows = rows.where(Customer.code == customer_code)
    if after is not None:
        rows = rows.where(tuple_(Case.opened_at, Case.id) < after)
    async with asking.database.reading() as session:
        found = (await session.execute(rows)).all()
    shown = found[:limit]
    last: Case | None = shown[-1][0] if len(found) > limit else None
    return Page(
        items=[CaseAnswer(**_fields(*row)) for row in shown],
        next=page_cursor.written(last.opened_at, last.id) if last else None,
    )


@router.post(
    "/cases",
    status_code=201,
    response_model=CaseWithHistory,
    responses=answers(409, _201={"description": "Opened", "headers": ETAG_HEADER}),
)
async def create_case(
    request: Request, new: NewCase, asking: Annotated[Asking, asked("case.edit", bound=True)], key: Key = None
) -> Response:
    """Open a case. A token that is bound to queues names the call: one that came to them, of a customer they know."""

    async def work(session: AsyncSession) -> Reply:
        owner = await agents.find(session, new.owner)
        if owner is None or not owner.active:
            raise Refused(422, "owner: there is no such agent")
        customer = await customers.find(session, new.customer_code) if new.customer_code else None
        if new.customer_code and (customer is None or not await sees(session, asking, customer.id)):
            raise Refused(422, "customer_code: there is no customer of this code")
        if not await sees_call(session, asking, new.conversation_id):
            raise Refused(422, "conversation_id: name a call that came to the queues of this token")
        opened = await open_case(
            session,
            asking.settings,
            owner=owner,
            by=asking.by,
            category=new.category,
            subject=new.subject,
            description=new.description,
            customer_id=customer.id if customer else None,
            conversation_id=new.conversation_id,
        )
        return await _reply(session, asking, opened.number, 201)

    return await replies.once(request, asking, key, work)


@router.get(
    "/cases/{number}",
    response_model=CaseWithHistory,
    responses=answers(304, 404, _200={"description": "The case", "headers": ETAG_HEADER}),
)
async def get_case(
    number: CaseNumber, asking: Annotated[Asking, asked("case.read", bound=True)], if_none_match: IfNoneMatch = None
) -> Response:
    """One case with its history."""
    async with asking.database.reading() as session:
        answer = await _answer(session, asking, number)
    tag = etag(answer.version)
    return replies.unchanged(if_none_match, tag) or replies.respond(answer, tag=tag)


@router.post(
    "/cases/{number}/notes",
    status_code=201,
    response_model=CaseWithHistory,
    responses=answers(404, 409, _201={"description": "Noted", "headers": ETAG_HEADER}),
)
async def add_note(
    request: Request,
    number: CaseNumber,
    new: NewNote,
    asking: Annotated[Asking, asked("case.edit", bound=True)],
    key: Key = None,
) -> Response:
    """Write something down at a case."""

    async def work(session: AsyncSession) -> Reply:
        found = await _answer(session, asking, number)
        await note_case(session, found.number, by=asking.by, note=new.note)
        return await _reply(session, asking, found.number, 201)

    return await replies.once(request, asking, key, work)


_OWNER, _HANDLER = aliased(Agent), aliased(Agent)


def _cases() -> Select[Case, str, str, str]:
    return (
        select(Case, _OWNER.login, _HANDLER.login, Customer.code)
        .join(_OWNER, _OWNER.id == Case.owner_id)
        .outerjoin(_HANDLER, _HANDLER.id == Case.handler_id)
        .outerjoin(Customer, Customer.id == Case.customer_id)
    )


def _fields(case: Case, owner: str, handler: str | None, customer_code: str | None) -> dict[str, Any]:
    linked = {"owner": owner, "handler": handler, "customer_code": customer_code}
    return {name: getattr(case, name) for name in CaseAnswer.model_fields if name not in linked} | linked


async def _answer(session: AsyncSession, asking: Asking, number: str) -> CaseWithHistory:
    known = await cases.find(session, number)
    row = None
    if known is not None:
        rows = _cases().where(Case.id == known.id).execution_options(populate_existing=True)
        seen = rows if asking.queues is None else rows.where(was_about(asking.queues))
        row = (await session.execute(seen)).one_or_none()
    if known is None or row is None:
        raise Refused(404, "there is no case of this number")
    history = await cases.history(session, known.id)
    happened = [HappenedAnswer.model_validate(each, from_attributes=True) for each in history]
    return CaseWithHistory(**_fields(*row), history=happened)


async def _reply(session: AsyncSession, asking: Asking, number: str, status: int) -> Reply:
    await session.flush()
    answer = await _answer(session, asking, number)
    headers = {"ETag": etag(answer.version), "Location": f"/api/v1/cases/{answer.number}"}
    return Reply(answer, status, headers)
