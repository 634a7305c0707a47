"""Who is in the demo beyond crm.demo_data: the simulated agents, and more customers who may ring in.

All names and numbers are invented. Loading again adds nothing and changes nothing. Called by the demo's center.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import demo_data
from crm.demo_data import DemoAgent, DemoCustomer, DemoOrder
from crm.tables.customers import Customer, CustomerPhone

from .callers import Person

SEATS = "Local/{}@sandbox-agents/n"
"""A simulated phone of the private Asterisk: it rings, answers and hangs up by itself."""

NEWCOMER = "amy"
NEWCOMER_SEAT = SEATS.format(1001)
"""Asked first in every queue that she serves: the newcomer should not have to wait for a call."""

STAFF = (
    DemoAgent("erin", "Erin Walsh", "en", {"support": 3, "reception": 2}),
    DemoAgent("feng", "冯子涵", "zh", {"support": 3}),
    DemoAgent("gus", "Gus Almeida", "en", {"support": 3, "reception": 2}),
    DemoAgent("hana", "Hana Sato", "en", {"support": 3}),
    DemoAgent("jing", "景怡", "zh", {"support": 3, "reception": 2}),
)
STAFF_SEATS = {agent.login: SEATS.format(2001 + place) for place, agent in enumerate(STAFF)}

CUSTOMERS = (
    DemoCustomer(
        "C1010",
        "Olivia Brandt",
        ("+49 30 901820",),
        "key",
        "en",
        company="Brandt Haushalt GmbH",
        note="Pays by invoice, 30 days.",
        orders=(
            DemoOrder("SO-24051", "Robot vacuum R7, 12 pieces", "22788.00", "paid", 2, due_days=6),
            DemoOrder("SO-23702", "Air purifier KP-500, 8 pieces", "19192.00", "delivered", 61),
        ),
    ),
    DemoCustomer(
        "C1011",
        "刘洋",
        ("136 0136 8888",),
        "main",
        "zh",
        orders=(DemoOrder("SO-24060", "加湿器 H2", "459.00", "shipped", 2, due_days=1),),
    ),
    DemoCustomer(
        "C1012",
        "陈静",
        ("0571-8765 4321",),
        "key",
        "zh",
        company="杭州晴川百货",
        note="门店补货优先安排。",
        orders=(DemoOrder("SO-24058", "滤芯两件装 × 60", "11880.00", "packed", 1, due_days=2),),
    ),
    DemoCustomer(
        "C1013",
        "Tom Whitaker",
        ("+44 161 496 0234",),
        "ordinary",
        "en",
        orders=(DemoOrder("SO-24040", "Desk lamp L1", "189.00", "shipped", 4, due_days=1),),
    ),
    DemoCustomer(
        "C1014",
        "周敏",
        ("135 0135 2468",),
        "small",
        "zh",
        orders=(DemoOrder("SO-23655", "台灯 L1", "189.00", "delivered", 88),),
    ),
    DemoCustomer(
        "C1015",
        "吴磊",
        ("+86 28 8555 0199",),
        "ordinary",
        "zh",
        note="听力不佳，请说慢一些。",
        orders=(DemoOrder("SO-24033", "电热水壶 K3", "239.00", "received", 1),),
    ),
    DemoCustomer(
        "C1016",
        "Maria Rossi",
        ("+39 06 4523 1180",),
        "main",
        "en",
        company="Casa Rossi",
        orders=(
            DemoOrder("SO-24047", "Air purifier KP-500", "2399.00", "shipped", 5, due_days=2),
            DemoOrder("SO-23999", "Filter, pair", "198.00", "cancelled", 20),
        ),
    ),
    DemoCustomer(
        "C1017",
        "郑浩",
        ("133 0133 7531",),
        "ordinary",
        "zh",
        orders=(DemoOrder("SO-24062", "扫地机器人 R7", "1899.00", "received", 0, due_days=5),),
    ),
    DemoCustomer(
        "C1018",
        "Nikhil Rao",
        ("+91 22 6123 4567",),
        "ordinary",
        "en",
        orders=(DemoOrder("SO-24012", "Kettle K3, 4 pieces", "956.00", "delivered", 9),),
    ),
    DemoCustomer(
        "C1019",
        "何佳",
        ("0512 6280 9090",),
        "main",
        "zh",
        company="苏州禾木家居",
        orders=(DemoOrder("SO-24055", "空气净化器 KP-500 × 3", "7197.00", "paid", 2, due_days=4),),
    ),
    DemoCustomer("C1020", "Sofia Lindqvist", ("+46 8 120 00 100",), "small", "en"),
    DemoCustomer(
        "C1021",
        "罗敏",
        ("188 0188 1357",),
        "small",
        "zh",
        note="上次来电要求开具发票。",
        orders=(DemoOrder("SO-24019", "滤芯两件装", "198.00", "shipped", 3, due_days=1),),
    ),
)


async def load(session: AsyncSession, *, country: str) -> None:
    """Add whoever is missing."""
    await demo_data.load(session, country=country)
    await demo_data.add_agents(session, STAFF)
    await demo_data.add_customers(session, CUSTOMERS, country, datetime.now(UTC))


async def who_may_call(session: AsyncSession) -> list[Person]:
    """Every customer with a number that can be dialled, by their first one."""
    numbers = (
        select(Customer.name, CustomerPhone.e164)
        .join(CustomerPhone, CustomerPhone.customer_id == Customer.id)
        .where(CustomerPhone.e164.is_not(None))
        .distinct(Customer.id)
        .order_by(Customer.id, CustomerPhone.raw)
    )
    return [Person(str(e164), name) for name, e164 in await session.execute(numbers)]
