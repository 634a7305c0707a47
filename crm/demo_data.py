"""A small call center to try things on: queues of asterisk-conf, agents, customers with numbers and orders.

Loaded by `kefu db demo`, the demo and tests. Loading again adds nothing and changes nothing. All names and numbers are
invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from . import agents, customers, directory, orders, queues
from .cases import categories
from .tables.queues import Queue

DEMO_PASSWORD = "kefu-demo"  # noqa: S105 - printed for everybody who tries the demo


class DemoAgent(Struct, frozen=True):
    """An agent and the queues they serve, with penalties: lower is asked first."""

    login: str
    name: str
    language: str
    queues: dict[str, int]
    role: str = "agent"


class DemoOrder(Struct, frozen=True):
    """`age_days`: placed so long ago; `due_days`: expected so many days from now, None for no date."""

    number: str
    item: str
    amount: str
    state: str
    age_days: int
    due_days: int | None = None


class DemoCustomer(Struct, frozen=True):
    """A customer with numbers as people write them, and orders."""

    code: str
    name: str
    phones: tuple[str, ...]
    tier: str
    language: str
    company: str | None = None
    note: str = ""
    orders: tuple[DemoOrder, ...] = ()


QUEUES = (("support", "Support", "技术支持", 20), ("reception", "Reception", "前台", 15))

DEPARTMENTS = (("warehouse", "Warehouse", "仓库"), ("finance", "Finance", "财务"), ("workshop", "Workshop", "维修"))
DIRECTORY = (
    ("吕建国", "warehouse", "库管", "发货、退货 deliveries, returns", "8012"),
    ("Ruth Adler", "finance", "Accounts", "退款、发票 refunds, invoices", "8021"),
    ("单晓东", "workshop", "工程师", "维修、备件 repairs, spare parts", "8033"),
)
TEAMS = (("second_line", "ben"), ("complaints", "dana"))

AGENTS = (
    DemoAgent("amy", "Amy Carter", "en", {"support": 0, "reception": 1}),
    DemoAgent("ben", "Ben Novak", "en", {"support": 0}),
    DemoAgent("chen", "陈晓雨", "zh", {"support": 0, "reception": 0}),
    DemoAgent("dana", "Dana Okafor", "en", {}, role="supervisor"),
)

CUSTOMERS = (
    DemoCustomer(
        "C1001",
        "王小明",
        ("138 0013 8000", "+86 10 6552 9988"),
        "key",
        "zh",
        company="北京远山贸易有限公司",
        note="老客户，偏好下午联系。",
        orders=(
            DemoOrder("SO-24017", "空气净化器 KP-500", "2399.00", "shipped", 3, due_days=1),
            DemoOrder("SO-23980", "滤芯两件装", "198.00", "delivered", 40),
        ),
    ),
    DemoCustomer(
        "C1002",
        "李娜",
        ("13900139000",),
        "main",
        "zh",
        orders=(DemoOrder("SO-24022", "扫地机器人 R7", "1899.00", "packed", 1, due_days=3),),
    ),
    DemoCustomer(
        "C1003",
        "Grace Miller",
        ("+44 20 7946 0958",),
        "main",
        "en",
        company="Harbour Lane Imports Ltd",
        note="Ask for the purchase order number.",
        orders=(DemoOrder("SO-24009", "Spare batteries, 40 pieces", "3120.00", "paid", 6, due_days=9),),
    ),
    DemoCustomer("C1004", "赵强", ("0755-8266 1234",), "ordinary", "zh", company="深圳联创电子"),
    DemoCustomer(
        "C1005", "孙丽", ("0755 82661234",), "small", "zh", company="深圳联创电子", note="与赵强共用总机号码。"
    ),
    DemoCustomer(
        "C1006",
        "Peter O'Neill",
        ("+353 1 912 3456",),
        "ordinary",
        "en",
        orders=(DemoOrder("SO-23871", "Humidifier H2", "459.00", "cancelled", 75),),
    ),
)


async def load(session: AsyncSession, *, country: str, now: datetime | None = None) -> dict[str, int]:
    """Add what is missing; return how many of each were added."""
    now = now or datetime.now(UTC)
    added = {
        "queues": await _queues(session),
        "agents": await add_agents(session, AGENTS),
        "customers": await add_customers(session, CUSTOMERS, country, now),
    }
    await _whom_to_reach(session)
    return added


async def _whom_to_reach(session: AsyncSession) -> None:
    """Departments, their people, and who works at cases of the higher tiers."""
    for code, name_en, name_zh in DEPARTMENTS:
        await directory.define_department(session, code, name_en=name_en, name_zh=name_zh)
    for name, department, position, matters, extension in DIRECTORY:
        said = {"name": name, "department": department, "position": position, "matters": matters}
        await directory.put(session, {**said, "extension": extension})
    for tier, login in TEAMS:
        agent = await agents.find(session, login)
        if agent is not None:
            await categories.join_team(session, tier, agent.id)


async def _queues(session: AsyncSession) -> int:
    added = 0
    for name, title_en, title_zh, service_level_s in QUEUES:
        if await session.get(Queue, name) is None:
            await queues.define(session, name, title_en=title_en, title_zh=title_zh, service_level_s=service_level_s)
            added += 1
    return added


async def add_agents(session: AsyncSession, wanted: Sequence[DemoAgent]) -> int:
    """Those who are missing, with the demo's password; how many they were."""
    added = 0
    for demo in wanted:
        if await agents.find(session, demo.login) is not None:
            continue
        agent = await agents.create(
            session,
            login=demo.login,
            name=demo.name,
            password=DEMO_PASSWORD,
            role=demo.role,
            language=demo.language,
        )
        for queue, penalty in demo.queues.items():
            await agents.serve(session, agent.id, queue, penalty=penalty)
        added += 1
    return added


async def add_customers(session: AsyncSession, wanted: Sequence[DemoCustomer], country: str, now: datetime) -> int:
    """Those who are missing, with their orders; how many they were."""
    added = 0
    for demo in wanted:
        if await customers.find(session, demo.code) is not None:
            continue
        customer = await customers.create(
            session,
            code=demo.code,
            name=demo.name,
            phones=demo.phones,
            country=country,
            company=demo.company,
            tier=demo.tier,
            language=demo.language,
            note=demo.note,
        )
        for order in demo.orders:
            await orders.place(
                session,
                customer_id=customer.id,
                number=order.number,
                item=order.item,
                amount=Decimal(order.amount),
                state=order.state,
                placed_at=now - timedelta(days=order.age_days),
                expected_on=now + timedelta(days=order.due_days) if order.due_days is not None else None,
            )
        added += 1
    return added
