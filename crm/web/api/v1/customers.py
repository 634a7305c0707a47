"""Customers and their numbers: listed, searched, read, made, changed by who saw the newest version."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import customer_search, customers
from crm.deeds import keep_customer
from crm.rules.phone_numbers import to_e164
from crm.tables.customers import Customer

from . import replies
from .asking import Asking, asked
from .bounds import in_sight, sees
from .fields import LARGEST_PAGE, PAGE, Code, Cursor, Given, Limit, Line, Number, Page, Text
from .problems import Refused, answers
from .replies import ETAG_HEADER, IfMatch, IfNoneMatch, Key, Reply, etag

router = APIRouter(tags=["customers"])

CustomerCode = Annotated[Code, Path(description="The customer's code, such as K000017.")]
Tier = Literal["key", "main", "ordinary", "small"]
Language = Literal["en", "zh"]
Country = Annotated[str, Query(pattern=r"^[A-Z]{2}$")]


class NumberAnswer(BaseModel):
    """One number: as it was typed, and in E.164 (null: it cannot be dialled)."""

    id: UUID
    raw: str
    e164: str | None
    kind: str
    validity: str
    do_not_call: bool


class CustomerAnswer(BaseModel):
    """A customer. `merged_into`: asked for under an old code, this one is who they are now."""

    id: UUID
    code: str
    name: str
    company: str | None
    tier: Tier
    language: Language | None
    note: str
    created_at: datetime
    version: int
    numbers: list[NumberAnswer]


class NewCustomer(Given):
    """A customer to make. Without `code` the next free one is given. `numbers`: as they are written in `country`."""

    name: Line
    code: Code | None = None
    company: Line | None = None
    tier: Tier = "ordinary"
    language: Language | None = None
    note: Text = ""
    numbers: list[Number] = Field(default=[], max_length=50)


class CustomerChange(Given):
    """The fields to change; what is left out stays as it is."""

    name: Line | None = None
    company: Line | None = None
    tier: Tier | None = None
    language: Language | None = None
    note: Text | None = None


class NewNumber(Given):
    """A number, as it is written where it is dialled."""

    number: Number


@router.get("/customers", responses=answers())
async def list_customers(
    asking: Annotated[Asking, asked("customer.read", bound=True)],
    q: Annotated[str | None, Query(max_length=80, description="Part of name, company or code, or a number.")] = None,
    number: Annotated[
        str | None, Query(max_length=40, description="Only who owns this very number, the likeliest caller first.")
    ] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[CustomerAnswer]:
    """All customers, page by page in a steady order; or the best matches of `q` or `number`, which are one page.

    A token that is bound to queues is shown whom they have seen: a page may then be short, or empty, and yet not the
    last.
    """
    country = asking.settings.country
    most = limit if asking.queues is None else LARGEST_PAGE
    async with asking.database.reading() as session:
        if number is not None or q is not None:
            if number is not None:
                e164 = to_e164(number.replace("\x00", ""), country)
                owners = await customers.find_by_number(session, e164, limit=most) if e164 else []
                matched = [each.id for each in owners]
            else:
                hits = await customer_search.search(session, q or "", country=country, limit=most)
                matched = [each.id for each in hits]
            shown_ids = (await in_sight(session, asking, matched))[:limit]
            seen = [await session.get_one(Customer, each) for each in shown_ids]
            return Page(items=await _answers(session, seen), next=None)
        rows = select(Customer).where(Customer.merged_into.is_(None)).order_by(Customer.id).limit(limit + 1)
        if (after := _read(cursor)) is not None:
            rows = rows.where(Customer.id > after)
        found = list(await session.scalars(rows))
        shown = set(await in_sight(session, asking, [each.id for each in found[:limit]]))
        items = await _answers(session, [each for each in found[:limit] if each.id in shown])
    return Page(items=items, next=_written(found[limit - 1].id) if len(found) > limit else None)


@router.post(
    "/customers",
    status_code=201,
    response_model=CustomerAnswer,
    responses=answers(409, _201={"description": "Made", "headers": ETAG_HEADER}),
)
async def create_customer(
    request: Request, new: NewCustomer, asking: Annotated[Asking, asked("customer.edit", bound=True)], key: Key = None
) -> Response:
    """Make a customer. A token that is bound to queues makes those who called them: with the number of one."""

    async def work(session: AsyncSession) -> Reply:
        fields = new.model_dump(exclude={"numbers", "name"}, exclude_none=True)
        made = await keep_customer.create(
            session,
            by=asking.by,
            country=asking.settings.country,
            name=new.name,
            phones=[(number, None) for number in new.numbers],
            **fields,
        )
        if not await sees(session, asking, made.id):
            raise Refused(403, f"the token {asking.program.name} is bound to queues: name a number that called them")
        answer = await _answer(session, made)
        return Reply(answer, 201, {"ETag": etag(made.version), "Location": f"/api/v1/customers/{made.id}"})

    return await replies.once(request, asking, key, work)


@router.get(
    "/customers/{code}",
    response_model=CustomerAnswer,
    responses=answers(304, 404, _200={"description": "The customer", "headers": ETAG_HEADER}),
)
async def get_customer(
    code: CustomerCode, asking: Annotated[Asking, asked("customer.read", bound=True)], if_none_match: IfNoneMatch = None
) -> Response:
    """One customer, by code or by id; one that was merged leads to whom it was merged into."""
    async with asking.database.reading() as session:
        found = await _found(session, asking, code)
        answer = await _answer(session, found)
    tag = etag(answer.version)
    return replies.unchanged(if_none_match, tag) or replies.respond(answer, tag=tag)


@router.patch(
    "/customers/{code}",
    response_model=CustomerAnswer,
    responses=answers(404, 409, 412, 428, _200={"description": "Changed", "headers": ETAG_HEADER}),
)
async def change_customer(
    request: Request,
    code: CustomerCode,
    change: CustomerChange,
    asking: Annotated[Asking, asked("customer.edit", bound=True)],
    if_match: IfMatch = None,
    key: Key = None,
) -> Response:
    """Change a customer, if nobody else did since you read them (If-Match)."""

    async def work(session: AsyncSession) -> Reply:
        found = await customers.held(session, (await _found(session, asking, code)).id)
        replies.must_match(if_match, found.version, await _who_changed(session, found))
        fields = {field: getattr(change, field) for field in change.model_fields_set}
        changed, _ = await keep_customer.edit(session, found.id, fields, by=asking.by, seen=found.version)
        return Reply(await _answer(session, changed), headers={"ETag": etag(changed.version)})

    return await replies.once(request, asking, key, work)


@router.post(
    "/customers/{code}/numbers",
    status_code=201,
    response_model=CustomerAnswer,
    responses=answers(404, 409, _201={"description": "Added", "headers": ETAG_HEADER}),
)
async def add_number(
    request: Request,
    code: CustomerCode,
    new: NewNumber,
    asking: Annotated[Asking, asked("customer.edit", bound=True)],
    key: Key = None,
) -> Response:
    """Add a number; one that the customer has already changes nothing."""

    async def work(session: AsyncSession) -> Reply:
        found = await _found(session, asking, code)
        await keep_customer.add_phone(session, found.id, new.number, country=asking.settings.country, by=asking.by)
        return await _reply(session, found.id, 201)

    return await replies.once(request, asking, key, work)


@router.delete(
    "/customers/{code}/numbers/{number_id}",
    response_model=CustomerAnswer,
    responses=answers(404, 409, _200={"description": "Taken away", "headers": ETAG_HEADER}),
)
async def remove_number(
    request: Request,
    code: CustomerCode,
    number_id: UUID,
    asking: Annotated[Asking, asked("customer.edit", bound=True)],
    key: Key = None,
) -> Response:
    """Take a number away from a customer."""

    async def work(session: AsyncSession) -> Reply:
        found = await _found(session, asking, code)
        if not any(phone.id == number_id for phone in await customers.phones_of(session, found.id)):
            raise Refused(404, "this customer has no such number")
        await keep_customer.remove_phone(session, found.id, number_id, by=asking.by)
        return await _reply(session, found.id, 200)

    return await replies.once(request, asking, key, work)


async def _reply(session: AsyncSession, customer_id: UUID, status: int) -> Reply:
    customer = await customers.held(session, customer_id)
    return Reply(await _answer(session, customer), status, {"ETag": etag(customer.version)})


async def _found(session: AsyncSession, asking: Asking, code: str) -> Customer:
    """By code, else by id."""
    found = await customers.find(session, code)
    if found is None:
        try:
            found = await customers.current(session, UUID(code))
        except ValueError:
            found = None
    if found is None or not await sees(session, asking, found.id):
        raise Refused(404, "there is no customer of this code or id")
    return found


async def _answer(session: AsyncSession, customer: Customer) -> CustomerAnswer:
    return (await _answers(session, [customer]))[0]


async def _answers(session: AsyncSession, found: Sequence[Customer]) -> list[CustomerAnswer]:
    phones = await customers.phones_of_each(session, [each.id for each in found])
    names = [name for name in CustomerAnswer.model_fields if name != "numbers"]
    told = []
    for each in found:
        own = [NumberAnswer.model_validate(one, from_attributes=True) for one in phones.get(each.id, ())]
        told.append(CustomerAnswer(**{name: getattr(each, name) for name in names}, numbers=own))
    return told


async def _who_changed(session: AsyncSession, customer: Customer) -> str:
    changes = await customers.changes_of(session, customer.id, limit=1)
    if not changes:
        return f"this customer is at version {customer.version}: read it again"
    last = changes[0]
    fields = ", ".join(sorted(last.changes))
    return f"{last.by} changed {fields} at {last.at:%Y-%m-%d %H:%M:%S %Z}: read it again, then change it"


def _written(after: UUID) -> str:
    return base64.urlsafe_b64encode(after.bytes).decode().rstrip("=")


def _read(cursor: str | None) -> UUID | None:
    if not cursor:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise Refused(422, "cursor: this is none of ours, begin at the first page") from None
