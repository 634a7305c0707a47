"""A caller asks the menu about their case, and one whose case is over its time stands further in front."""

from __future__ import annotations

import psycopg
from case_people import hire, opened
from forged_caller import AgiPeer, environment

from agi.answers import CaseStatus, Missing
from agi.desk import Site
from agi.endings import JoinQueue
from agi.server import AgiServer, Deadlines
from agi.steps import FindCaller, Flow, LookUpCase
from crm import customers
from crm.database import Database
from crm.routing import Rules
from crm.rules.opening_hours import read_opening_hours
from crm.settings import Settings


async def test_the_menu_tells_of_a_case_and_a_late_one_gives_credit(database: Database, database_url: str) -> None:
    settings = Settings(timezone="UTC")
    people = await hire(database)
    async with database.reading() as session:
        wang = await customers.find(session, "C-1")
    assert wang is not None
    number = await opened(database, settings, people["lily"], customer_id=wang.id)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE case_clock SET due_at = now() - interval '1 min'")
    answers: list[CaseStatus | Missing] = []

    def ask() -> Flow:
        caller = yield FindCaller()
        answers.append((yield LookUpCase(caller.customer_id, None)))
        answers.append((yield LookUpCase(caller.customer_id, f"{number}#")))
        answers.append((yield LookUpCase(None, str(int(number) + 1))))  # a slip of the finger
        return JoinQueue("support")

    hours = read_opening_hours("mon-sun 00:00-24:00", "UTC")
    site = Site("node1", "CN", hours, budget_s=2.0, routing=Rules(settings.waiting_credit, last_agent_days=7))
    server = AgiServer(site, database, {"front_desk": ask}, Deadlines(write_within_s=2))
    port = await server.listen("127.0.0.1", 0)
    try:
        await AgiPeer("").call(port, environment(callerid="13800138000"))
        assert await server.quiet(5)
        assert await server._book.written(within_s=5) == 0
    finally:
        await server.drain(0)
    known = CaseStatus(number, "open")
    assert answers == [known, known, "not_found"]
    with psycopg.connect(database_url) as connection:
        ((credit_s, reasons),) = connection.execute("SELECT credit_s, credit_reasons FROM routing").fetchall()
    assert credit_s == settings.waiting_credit_breached_case_minutes * 60
    assert [reason["why"] for reason in reasons] == ["a case over its time"]
