"""Orders, told by whatever system keeps them: put by number, as often as one likes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from crm import customers, orders
from crm.deeds.feed_orders import feed_orders
from crm.tables.customers import Customer
from crm.tables.orders import Order

from . import replies
from .asking import Asking, asked
from .bounds import sees
from .customers import CustomerCode
from .fields import PAGE, Code, Given, Limit, Line, Number, Page
from .problems import Refused, answers
from .replies import Key, Reply

router = APIRouter(tags=["orders"])

OrderNumber = Annotated[Code, Path(description="What the customer reads from the confirmation.")]
UNSEEN = "customer_code: the queues of this token know no such customer, or the order is another's"
State = Literal["received", "paid", "packed", "shipped", "delivered", "cancelled"]


class OrderAnswer(BaseModel):
    """An order as it was told last."""

    number: str
    customer_code: str
    state: str
    item: str
    amount: Decimal
    currency: str
    placed_at: datetime
    expected_on: datetime | None


class OrderGiven(Given):
    """An order. The customer by code, else by a phone that is theirs alone. `changed_at`: when it became so; an older
    telling never overwrites a newer one."""

    customer_code: Code | None = None
    phone: Number | None = None
    state: State
    item: Line = Field(min_length=1)
    amount: Decimal = Field(ge=0, le=Decimal("9999999999.99"), max_digits=12, decimal_places=2)
    currency: str = Field(default="CNY", pattern=r"^[A-Z]{3}$")
    placed_at: AwareDatetime
    expected_on: date | None = None
    changed_at: AwareDatetime | None = None


@router.put("/orders/{number}", response_model=OrderAnswer, responses=answers(404, 409))
async def put_order(
    request: Request,
    number: OrderNumber,
    order: OrderGiven,
    asking: Annotated[Asking, asked("order.edit", bound=True)],
    key: Key = None,
) -> Response:
    """Tell an order as it is now. Told again, nothing changes."""

    async def work(session: AsyncSession) -> Reply:
        settings = asking.settings
        known = await orders.find(session, number)
        if known is not None and not await sees(session, asking, known.customer_id):
            raise Refused(422, UNSEEN)
        given = {name: value for name, value in order.model_dump(mode="json").items() if value is not None}
        given["customer"] = given.pop("customer_code", "")
        fed = await feed_orders(
            session, [{"number": number, **given}], source=asking.by, country=settings.country, zone=settings.zone
        )
        if fed.faults:
            raise Refused(422, fed.faults[0].why)
        session.expire_all()  # what was just written went past it
        told = await orders.find(session, number)
        if told is None or not await sees(session, asking, told.customer_id):
            raise Refused(422, UNSEEN)
        return Reply(await _answer(session, told))

    return await replies.once(request, asking, key, work)


@router.get("/orders/{number}", response_model=OrderAnswer, responses=answers(404))
async def get_order(number: OrderNumber, asking: Annotated[Asking, asked("order.read", bound=True)]) -> OrderAnswer:
    """One order."""
    async with asking.database.reading() as session:
        found = await orders.find(session, number)
        if found is None or not await sees(session, asking, found.customer_id):
            raise Refused(404, "there is no order of this number")
        return await _answer(session, found)


@router.get("/customers/{code}/orders", responses=answers(404))
async def list_orders(
    code: CustomerCode, asking: Annotated[Asking, asked("order.read", bound=True)], limit: Limit = PAGE
) -> Page[OrderAnswer]:
    """A customer's last orders, the newest first."""
    async with asking.database.reading() as session:
        customer = await customers.find(session, code)
        if customer is None or not await sees(session, asking, customer.id):
            raise Refused(404, "there is no customer of this code")
        found = await orders.newest_of(session, customer.id, limit=limit)
        return Page(items=[await _answer(session, each) for each in found], next=None)


async def _answer(session: AsyncSession, order: Order) -> OrderAnswer:
    customer = await session.get_one(Customer, order.customer_id)
    plain = {name: getattr(order, name) for name in OrderAnswer.model_fields if name != "customer_code"}
    return OrderAnswer(**plain, customer_code=customer.code)
