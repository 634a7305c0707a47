"""Organisations that are one: found, merged, out of sight, parted exactly as they were; by command and by page."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text
from web_caller import WebCaller, calling

from crm import customer_matching, customers, demo_data, duplicates, organisations
from crm.cli import main
from crm.database import Database
from crm.deeds import merge_organisations
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.organisations import Organisation, OrganisationMember, OrganisationPhone
from crm.web.app import create_app

SHARED, OWN = "021 5555 6666", "021 7777 8888"


@pytest.fixture
async def three(database: Database, amy: Agent) -> list[Organisation]:
    """Acme twice, with one number, one person of both and one of the second alone; and another house."""
    async with database.transaction() as session:
        made = [
            await organisations.create(session, name=name, kind=kind, country="CN", phones=phones, code=code, note=note)
            for name, kind, phones, code, note in (
                ("Acme", "company", [SHARED], "A1", "first"),
                ("ACME", "company", [SHARED, OWN], "A2", "second"),
                ("Wang", "household", [], "W1", ""),
            )
        ]
        for place, (code, houses) in enumerate({"P-BOTH": (0, 1), "P-TWO": (1,)}.items()):
            person = await customers.create(session, name=f"Person {place}", country="CN", code=code)
            for house in houses:
                await organisations.add_person(session, made[house].id, person.id, role="buyer")
        await session.execute(
            text("UPDATE organisation_phone SET do_not_call = true, do_not_call_since = now(), do_not_call_by = 'x' "
                 "WHERE organisation_id = :id AND raw LIKE '%5555%'"), {"id": made[1].id},
        )  # fmt: skip
        return made


async def rows(database: Database) -> list[list[tuple[object, ...]]]:
    """All that a merge may touch, but for the versions."""
    async with database.reading() as session:
        whole = select(Organisation.code, Organisation.note, Organisation.merged_into)
        phones = select(OrganisationPhone.organisation_id, OrganisationPhone.e164, OrganisationPhone.do_not_call)
        members = select(OrganisationMember.organisation_id, OrganisationMember.customer_id, OrganisationMember.role)
        found = [(await session.execute(each)).all() for each in (whole, phones, members)]
    return [sorted(map(tuple, each), key=str) for each in found]


async def merged(database: Database, kept: UUID, gone: UUID) -> UUID:
    async with database.transaction() as session:
        return (await merge_organisations.merge(session, kept_id=kept, merged_id=gone, by="dana")).id


async def test_they_are_found_merged_and_parted_exactly_as_they_were(
    database: Database, three: list[Organisation]
) -> None:
    first, second, _ = three
    async with database.reading() as session:
        (pair,) = await duplicates.organisation_pairs(session)
        assert (pair.why, pair.older.code, pair.newer.code) == ("number_and_name", "A1", "A2")
        assert [one.code for one in await duplicates.organisations_like(session, second.id)] == ["A1"]
    before = await rows(database)
    merge = await merged(database, first.id, second.id)
    async with database.reading() as session:
        assert {person.code for person in await organisations.people_of(session, first.id)} == {"P-BOTH", "P-TWO"}
        phones = {phone.e164: phone.do_not_call for phone in await organisations.phones_of(session, first.id)}
        assert phones == {"+862155556666": True, "+862177778888": False}, "who wants no call gets none"
        assert (await session.get_one(Organisation, first.id)).note == "first\nsecond"
        assert [each.code for each in await organisations.listed(session)] == ["A1", "W1"]
        assert await duplicates.organisation_pairs(session) == []
        kept = await organisations.find(session, "A2")
        assert kept is not None
        assert kept.code == "A1", "the old code leads to whom it is now"
        likely, _ = await customer_matching.match(session, "+862155556666")
        assert {(one.code, one.house) for one in likely} == {("P-BOTH", "Acme"), ("P-TWO", "Acme")}
        person = await customers.find(session, "P-BOTH")
        assert person is not None
        assert [one.code for one, _ in await organisations.of_customer(session, person.id)] == ["A1"]
    async with database.transaction() as session:
        with pytest.raises(Refusal, match="A2 was merged into A1: change that one"):
            await organisations.add_phone(session, second.id, "021 1111 2222", country="CN")
        await merge_organisations.unmerge(session, merge, by="dana")
    assert await rows(database) == before


async def test_merges_on_top_of_each_other_are_undone_from_the_top(
    database: Database, three: list[Organisation]
) -> None:
    first, second, third = three
    before = await rows(database)
    lower = await merged(database, first.id, second.id)
    upper = await merged(database, third.id, first.id)
    for kept, gone, said in ((first, third, "merged already"), (third, third, "choose two")):
        with pytest.raises(Refusal, match=said):
            await merged(database, kept.id, gone.id)
    async with database.transaction() as session:
        with pytest.raises(Refusal, match="A1 was itself merged since"):
            await merge_organisations.unmerge(session, lower, by="dana")
    for merge in (upper, lower):
        async with database.transaction() as session:
            await merge_organisations.unmerge(session, merge, by="dana")
            with pytest.raises(Refusal, match="undone already, by dana"):
                await merge_organisations.unmerge(session, merge, by="dana")
    assert await rows(database) == before


async def test_what_came_late_goes_over_and_back(database: Database, three: list[Organisation]) -> None:
    first, second, _ = three
    merge = await merged(database, first.id, second.id)
    async with database.transaction() as session:
        late = await customers.create(session, name="Late", country="CN", code="P-LATE")
        session.add(OrganisationMember(organisation_id=second.id, customer_id=late.id))
    await merge_organisations.gather_left_behind(database, Settings())
    async with database.transaction() as session:
        assert "P-LATE" in {person.code for person in await organisations.people_of(session, first.id)}
        await merge_organisations.unmerge(session, merge, by="dana")
        assert "P-LATE" in {person.code for person in await organisations.people_of(session, second.id)}


async def test_by_the_command_line(three: list[Organisation], database_url: str) -> None:
    async def run(*said: str) -> str:
        arguments = ["customer", "organisation", *said, "--database-url", database_url]
        done = await asyncio.to_thread(CliRunner().invoke, main, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    assert "A1" in await run("duplicates")
    told = await run("merge", "A1", "A2")
    assert "A2" not in await run("list", "acme")
    found = re.search(r"unmerge ([0-9a-f-]{36})", told)
    assert found
    assert "A2 is there again" in await run("unmerge", found[1])
    assert "A2" in await run("list", "acme")


@pytest.fixture
async def dana(database: Database, three: list[Organisation]) -> AsyncIterator[WebCaller]:
    """A supervisor's browser."""
    async with calling(create_app(Settings(), database), running=False) as caller:
        await caller.sign_in("dana", demo_data.DEMO_PASSWORD)
        yield caller


async def test_by_the_pages(dana: WebCaller, three: list[Organisation]) -> None:
    first, second, _ = three
    page = (await dana.page("/organisations/duplicates")).text
    assert "one number and one name" in page
    await dana.send_form(f"/organisations/{first.id}/merge", merged=str(second.id))
    assert (await dana.get(f"/organisations/{second.id}")).headers["location"] == f"/organisations/{first.id}"
    record = html.unescape((await dana.page(f"/organisations/{first.id}")).text)
    assert "Undo the merge" in record
    assert "merged by dana" in record
    merge = re.search(r'name="merge" value="([^"]+)"', record)
    assert merge
    refused = await dana.send_form(f"/organisations/{first.id}/merge", merged=str(second.id))
    assert "A2 was merged already" in html.unescape(refused.text)
    await dana.send_form(f"/organisations/{first.id}/unmerge", merge=merge[1])
    assert (await dana.get(f"/organisations/{second.id}")).status_code == 200
