"""The audit: added to by anybody's transaction, changed by nobody, and every tampering named by its row."""

from __future__ import annotations

import asyncio
import contextlib
import json

import psycopg
import pytest
from click.testing import CliRunner
from ledger_rows import rows

from crm import agent_rights, agents, audit, queues
from crm.cli import main
from crm.database import Database
from crm.refusals import Refusal
from crm.tables.agents import Agent


async def note(database: Database, *deeds: str) -> None:
    """One transaction with these deeds."""
    async with database.transaction() as session:
        for did in deeds:
            await audit.note(session, by="lily", did=did, subject="customer", subject_id="1", detail={"名": [1, 2.5]})


async def verified(database: Database) -> audit.Verified:
    async with database.reading() as session:
        return await audit.verify(session)


def kefu(url: str, *words: str) -> tuple[int, str, str]:
    """A command's exit code, stdout and stderr."""
    found = CliRunner().invoke(main, [*words, "--database-url", url])
    return found.exit_code, found.stdout, found.stderr


async def test_deeds_are_chained_at_the_commit_and_only_then(database: Database, database_url: str) -> None:
    assert (await verified(database)).rows == 0
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as session:
            await audit.note(session, by="lily", did="customer.merge", subject="customer", subject_id="1")
            raise ZeroDivisionError
    await note(database, "customer.edit", "customer.merge")
    await note(database, "case.close")
    found = await verified(database)
    assert (found.rows, found.fault, found.at_row) == (3, None, None)
    assert rows(database_url, "SELECT number, did FROM audit ORDER BY number") == [
        (1, "customer.edit"),
        (2, "customer.merge"),
        (3, "case.close"),
    ]
    assert rows(database_url, "SELECT count(*) FROM audit_pending") == [(0,)]
    async with database.reading() as session:
        listed = await audit.listed(session, did="customer")
    assert [(row.number, row.detail) for row in listed] == [(2, {"名": [1, 2.5]}), (1, {"名": [1, 2.5]})]


async def test_many_at_once_make_one_chain_without_gaps(database: Database) -> None:
    await asyncio.gather(*(note(database, f"thing.done_{n}", f"thing.done_{n}_too") for n in range(30)))
    found = await verified(database)
    assert (found.rows, found.fault) == (60, None)


async def test_a_long_transaction_keeps_nobody_waiting(database: Database) -> None:
    async with asyncio.timeout(5), database.transaction() as session:
        await audit.note(session, by="slow", did="customer.import", subject="customer", subject_id="1")
        await note(database, "case.close")
    assert (await verified(database)).rows == 2


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit SET by = 'x'", "DELETE FROM audit", "TRUNCATE audit", "UPDATE audit SET detail = '{}', salt = NULL"],
)
async def test_the_database_refuses_every_change(database: Database, database_url: str, change: str) -> None:
    await note(database, "case.close")
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.RaiseException, match="only ever"):
        connection.execute(change)
    assert (await verified(database)).fault is None


@pytest.mark.parametrize(
    ("change", "row", "fault"),
    [
        ("UPDATE audit SET by = 'nobody' WHERE number = 2", 2, "row 2 was changed"),
        ("UPDATE audit SET at = at + interval '1 us' WHERE number = 3", 3, "row 3 was changed"),
        ("UPDATE audit SET detail = '{}' WHERE number = 2", 2, "the words of row 2 were changed"),
        ("UPDATE audit SET subject_id = '2' WHERE number = 1", 1, "the words of row 1 were changed"),
        ("DELETE FROM audit WHERE number = 2", 2, "row 2 is missing"),
        ("DELETE FROM audit WHERE number = 3", 3, "row 3 is missing"),
        ("UPDATE audit_head SET number = 2, hash = 'x'", 4, "the head of the chain was changed"),
    ],
)
async def test_who_switches_the_triggers_off_is_found_by_row(
    database: Database, database_url: str, change: str, row: int, fault: str
) -> None:
    await note(database, "case.open", "case.escalate", "case.close")
    with psycopg.connect(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(change)
    found = await verified(database)
    assert (found.at_row, found.fault) == (row, fault)
    code, _, said = await asyncio.to_thread(kefu, database_url, "audit", "verify")
    assert (code, said) == (1, f"Error: the audit is broken at row {row}: {fault}\n")


async def test_words_can_be_taken_out_and_the_chain_holds(database: Database) -> None:
    await note(database, "case.open", "case.close")
    async with database.transaction() as session:
        assert await audit.redact(session, [1]) == 1
        assert await audit.redact(session, [1]) == 0
    found = await verified(database)
    assert (found.rows, found.redacted, found.fault) == (2, 1, None)


async def test_the_command_lists_verifies_and_holds_against_what_was_noted(
    database: Database, database_url: str
) -> None:
    await note(database, "case.open", "case.close")
    code, _, said = await asyncio.to_thread(kefu, database_url, "audit", "verify")
    assert code == 0
    assert said.startswith("2 rows, all as they were written\n")
    mark = said.split()[-1]
    await note(database, "case.open")
    assert (await asyncio.to_thread(kefu, database_url, "audit", "verify", "--expect", mark))[0] == 0
    forged = f"2:{'0' * 64}"
    code, _, said = await asyncio.to_thread(kefu, database_url, "audit", "verify", "--expect", forged)
    assert (code, said) == (1, "Error: the audit was written anew: row 2 is not the one that was noted\n")
    code, out, _ = await asyncio.to_thread(kefu, database_url, "audit", "list", "--did", "case", "--json")
    assert [(row["number"], row["did"]) for row in json.loads(out)] == [
        (3, "case.open"),
        (2, "case.close"),
        (1, "case.open"),
    ]


@pytest.fixture
async def two_admins(database: Database) -> None:
    """`ada` and `bob` are administrators, `lily` is none."""
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        for login, role in (("ada", "admin"), ("bob", "admin"), ("lily", "agent")):
            await agents.create(session, login=login, name=login, password="a good password", role=role)


async def test_one_administrator_stays_whoever_clicks_at_once(database: Database, two_admins: None) -> None:
    async def demote(login: str) -> str:
        try:
            async with database.transaction() as session:
                await agent_rights.set_role(session, login, "agent", by="x")
        except Refusal as refused:
            return str(refused)
        return "done"

    said = await asyncio.gather(demote("ada"), demote("bob"))
    assert sorted(each.split(" ", 1)[-1] for each in said) == [
        "done",
        "is the last administrator: make somebody else one first",
    ]
    async with database.reading() as session:
        listed = await audit.listed(session, did="agent")
    assert [(row.did, row.detail) for row in listed] == [("agent.role", {"from": "admin", "to": "agent"})]


async def test_roles_and_scopes_from_the_command_line(database: Database, database_url: str, two_admins: None) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        return kefu(database_url, "agent", *words)

    assert (await asyncio.to_thread(run, "shut-out", "bob"))[0] == 0
    for words in (("role", "ada", "agent"), ("shut-out", "ada")):
        code, _, said = await asyncio.to_thread(run, *words)
        assert (code, said) == (1, "Error: ada is the last administrator: make somebody else one first\n")
    assert (await asyncio.to_thread(run, "role", "lily", "quality"))[0] == 0
    assert (await asyncio.to_thread(run, "bind", "lily", "--queue", "support"))[0] == 0
    code, _, said = await asyncio.to_thread(run, "bind", "lily", "--queue", "nowhere")
    assert (code, said) == (1, "Error: there is no queue 'nowhere': see `kefu queue list`\n")
    async with database.reading() as session:
        lily = await session.scalar(Agent.__table__.select().with_only_columns(Agent.role).where(Agent.login == "lily"))
        assert lily == "quality"
        found = await agents.find(session, "lily")
        assert found is not None
        assert await agents.scope_of(session, found) == ["support"]
    assert (await asyncio.to_thread(run, "bind", "lily", "--all"))[0] == 0
    assert (await asyncio.to_thread(run, "bind", "--role", "agent", "--queue", "support"))[0] == 0
    assert (await verified(database)).fault is None
