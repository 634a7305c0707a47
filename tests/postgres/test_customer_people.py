"""Customers through their doors: found while one types, made of a caller, edited by two, merged and parted."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import phonenumbers
import psycopg
import pytest
from click.testing import CliRunner, Result
from fastapi import FastAPI
from forged_floor import CALLER, ForgedFloor
from sqlalchemy import select
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, customer_search, customers, organisations, queues
from crm.cli import main
from crm.database import Database
from crm.deeds import merge_customers
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.callbacks import Callback
from crm.tables.customers import Customer
from crm.web.app import create_app

SEAT = "PJSIP/1001"
SCRIPTED = {"hx-request": "true", "accept": "text/html"}
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.fixture
async def app(database: Database) -> FastAPI:
    """The application, with the agent lily and the supervisor dana."""
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        await agents.create(session, login="lily", name="Lily Chen", password=PASSWORD)
        await agents.create(session, login="dana", name="Dana", password=PASSWORD, role="supervisor")
    return create_app(Settings(), database)


@pytest.fixture
async def lily(app: FastAPI, database_url: str) -> AsyncIterator[WebCaller]:
    """Lily's browser, at her seat."""
    ForgedFloor(database_url).see()
    async with calling(app, running=False) as browser:
        await browser.sign_in("lily")
        await browser.sit_at(SEAT)
        yield browser


@pytest.fixture
async def dana(app: FastAPI) -> AsyncIterator[WebCaller]:
    """The supervisor's browser."""
    async with calling(app, running=False) as browser:
        await browser.sign_in("dana")
        yield browser


def kefu(*arguments: str, url: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--database-url", url])


async def make(database: Database, name: str, *phones: str, **more: Any) -> Customer:
    async with database.transaction() as session:
        return await customers.create(session, name=name, phones=phones, country="CN", **more)


def national(region: str) -> tuple[str, str]:
    """A number as it is written at home, and what the library says it is."""
    number = phonenumbers.example_number(region)
    return (
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL),
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
    )


async def test_a_form_sent_twice_at_once_makes_one_customer(lily: WebCaller) -> None:
    blank = (await lily.page("/customers/new")).text
    key = re.search(r'name="key" value="([^"]+)"', blank)
    assert key
    form = {"name": "Twice", "phone": "13800138321", "key": key[1]}
    made = await asyncio.gather(*(lily.send_form("/customers/new", **form) for _ in range(2)))
    assert [each.status_code for each in made] == [303, 303]
    assert made[0].headers["location"] == made[1].headers["location"]
    assert (await lily.page("/customers?q=Twice")).text.count('<a href="/customers/') == 1
    refused = (await lily.send_form("/customers/new", **form | {"name": "", "key": "other"})).text
    assert 'name="key" value="other"' in refused


class TestNumbers:
    """On write, through every door, for every region, as the library says."""

    async def test_page(self, lily: WebCaller, database_url: str) -> None:
        form = {"csrf": lily.csrf, "name": "Everywhere", "phone": [national(r)[0] for r in REGIONS], "country": REGIONS}
        made = await lily.post("/customers/new", data=form)
        assert made.status_code == 303
        self.check(database_url)

    def test_command_line(self, database_url: str) -> None:
        phones = [word for region in REGIONS for word in ("--phone", f"{region}:{national(region)[0]}")]
        assert kefu("customer", "add", "Everywhere", *phones, url=database_url).exit_code == 0
        self.check(database_url)

    def test_import(self, database_url: str, tmp_path: Path) -> None:
        lines = [f'{region},"{national(region)[0]}",{region}' for region in REGIONS]
        (tmp_path / "a.csv").write_text("\n".join(["name,phone,country", *lines]))
        done = kefu("customer", "import", str(tmp_path / "a.csv"), "--apply", "--json", url=database_url)
        assert json.loads(done.stdout)["created"] == len(REGIONS), done.output
        self.check(database_url)

    def check(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            kept = dict(connection.execute("SELECT country, e164 FROM customer_phone").fetchall())
            assert {row[0] for row in connection.execute("SELECT DISTINCT validity FROM customer_phone")} == {"valid"}
        # What several regions share (a freephone number) is one number of one customer.
        assert set(kept.values()) == {national(region)[1] for region in kept}
        assert {national(region)[1] for region in REGIONS} == set(kept.values())


async def test_customers_are_found_while_one_types(database: Database) -> None:
    await make(database, "王小明", "138 0013 8000", company="北京远山贸易有限公司", code="C1001")
    await make(database, "Grace Miller", "+44 20 7946 0958", company="Harbour Lane Imports", code="C1003")
    await make(database, "100% Wool_Co", "0755-8266 1234")

    async def found(typed: str) -> list[str]:
        async with database.reading() as session:
            return [each.name for each in await customer_search.search(session, typed, country="CN")]

    for typed in ("王", "王小", "小明", "远山", "北京 王", "138001", "1380013", "8000", "+86138", "0086138", "C1001"):
        assert await found(typed) == ["王小明"], typed
    for typed in ("gr", "Grace m", "mill", "lane grace", "HARBOUR", "0958", "+44 20", "020 7946 0958"):
        expected = [] if typed == "020 7946 0958" else ["Grace Miller"]  # read from China, it is another number
        assert await found(typed) == expected, typed
    assert await found("100%") == ["100% Wool_Co"]
    assert await found("%") == []
    assert await found("l_c") == ["100% Wool_Co"]
    assert await found("\x00' OR 1=1 --") == []
    assert len(await found("")) == 3
    assert await found("0755826") == ["100% Wool_Co"]


async def test_the_list_answers_with_rows_while_one_types(lily: WebCaller, database: Database) -> None:
    await make(database, "<b>Bold</b>", CALLER)
    page = await lily.get("/customers")
    assert "&lt;b&gt;Bold" in page.text
    rows = await lily.get("/customers/found", params={"q": "bold"}, headers=SCRIPTED)
    assert "<html" not in rows.text
    assert "&lt;b&gt;Bold" in rows.text
    assert "Nobody found" in (await lily.get("/customers/found", params={"q": "zz"}, headers=SCRIPTED)).text


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
    assert found, name
    return found[1]


async def test_two_edit_one_record_and_nothing_is_lost(lily: WebCaller, dana: WebCaller, database: Database) -> None:
    made = await make(database, "Li Wei", CALLER)
    path = f"/customers/{made.id}"

    def form(browser: WebCaller, page: str, **said: str) -> dict[str, str]:
        was = {f"was_{name}": field(page, f"was_{name}") for name in ("name", "company", "tier", "language", "note")}
        mine = {name.removeprefix("was_"): value for name, value in was.items()} | said
        return {"csrf": browser.csrf, "version": field(page, "version"), **was, **mine}

    before_lily, before_dana = (await lily.page(path)).text, (await dana.page(path)).text
    assert (await lily.post(path, data=form(lily, before_lily, company="Tea Ltd", note="hers"))).status_code == 303
    # Another field: both are kept, and the second is told.
    both = await dana.post(path, data=form(dana, before_dana, name="Li Wei Wei"))
    assert "Meanwhile lily changed: Note, Company. Both were kept." in both.text
    # The same field: refused, with who changed what, and what was typed still in the form.
    clash = await dana.post(path, data=form(dana, before_dana, note="his <own>"))
    assert "lily changed Note from “” to “hers”; you wrote “his &lt;own&gt;”." in clash.text
    assert ">his &lt;own&gt;</textarea>" in clash.text
    again = form(dana, clash.text, note="his <own>", name=field(clash.text, "name"))
    assert (await dana.post(path, data=again)).status_code == 303
    async with database.reading() as session:
        now = await session.get_one(Customer, made.id)
        changes = await customers.changes_of(session, made.id)
    assert (now.name, now.company, now.note, now.version) == ("Li Wei Wei", "Tea Ltd", "his <own>", 4)
    assert [(change.by, change.changes) for change in changes] == [
        ("dana", {"note": ["hers", "his <own>"]}),
        ("dana", {"name": ["Li Wei", "Li Wei Wei"]}),
        ("lily", {"company": [None, "Tea Ltd"], "note": ["", "hers"]}),
    ]


async def test_many_edits_at_once_leave_a_record_of_each(database: Database) -> None:
    from crm.deeds import keep_customer

    made = await make(database, "Li Wei")

    async def edit(number: int) -> bool:
        try:
            async with database.transaction() as session:
                await keep_customer.edit(session, made.id, {"note": f"n{number}"}, by=f"a{number}", seen=1)
        except customers.Refusal:
            return False
        return True

    won = await asyncio.gather(*map(edit, range(8)))
    assert sum(won) == 1
    async with database.reading() as session:
        assert (await session.get_one(Customer, made.id)).version == 2
        assert len(await customers.changes_of(session, made.id)) == 1


async def ring(floor: ForgedFloor, lily: WebCaller, caller: str | None = CALLER, **more: Any) -> tuple[UUID, str]:
    """A call rings at her seat; the conversation, and what her desk shows."""
    rung = floor.ring(SEAT, caller=caller, **more)
    return rung.conversation_id, (await lily.get("/desk/picture")).text


async def test_an_unknown_caller_is_made_a_customer_once_and_known_next_time(
    lily: WebCaller, database_url: str
) -> None:
    floor = ForgedFloor(database_url)
    call, desk = await ring(floor, lily, caller_name="Wang <i>")
    assert "Unknown caller" in desk
    answers = await asyncio.gather(
        *(lily.post(f"/desk/callers/{call}/create", data={"csrf": lily.csrf}, headers=SCRIPTED) for _ in range(3))
    )
    assert all("Wang &lt;i&gt;" in answer.text and "An agent said so in this call" in answer.text for answer in answers)
    assert floor.rows("SELECT count(*) FROM customer") == [(1,)]
    assert floor.rows("SELECT e164, kind FROM customer_phone") == [(CALLER, "mobile")]
    _, again = await ring(floor, lily)
    assert "This number belongs to this customer only" in again


async def test_several_share_a_number_and_the_agents_choice_is_remembered(
    lily: WebCaller, database: Database, database_url: str
) -> None:
    floor = ForgedFloor(database_url)
    wang, zhao = await make(database, "Wang", CALLER), await make(database, "Zhao", CALLER, tier="key")
    call, desk = await ring(floor, lily)
    assert "Several customers share this number" in desk
    assert desk.index("Zhao") < desk.index("Wang")  # by worth, as long as nobody chose
    chosen = await lily.post(
        f"/desk/callers/{call}/link", data={"csrf": lily.csrf, "customer": str(wang.id)}, headers=SCRIPTED
    )
    assert "An agent said so in this call" in chosen.text
    assert floor.rows("SELECT count(*) FROM customer_phone") == [(2,)]
    _, again = await ring(floor, lily)
    assert "lily chose this customer last time; others share this number:" in again
    assert "<h1>Wang" in again
    second, _ = await ring(floor, lily)
    await lily.post(f"/desk/callers/{second}/link", data={"csrf": lily.csrf, "customer": str(zhao.id)})
    _, last = await ring(floor, lily)
    assert "<h1>Zhao" in last


async def test_a_number_of_a_household_leads_to_its_people(
    lily: WebCaller, database: Database, database_url: str
) -> None:
    mother, son = await make(database, "Mother"), await make(database, "Son")
    async with database.transaction() as session:
        home = await organisations.create(session, name="The Lis", kind="household", country="CN", phones=[CALLER])
        await organisations.add_person(session, home.id, mother.id, role="mother")
    floor = ForgedFloor(database_url)
    _, one = await ring(floor, lily)
    assert "A number of The Lis" in one
    assert "<h1>Mother" in one
    async with database.transaction() as session:
        await organisations.add_person(session, home.id, son.id)
    call, two = await ring(floor, lily)
    assert "Several customers share this number" in two
    await lily.post(f"/desk/callers/{call}/link", data={"csrf": lily.csrf, "customer": str(son.id)})
    assert floor.rows("SELECT count(*) FROM customer_phone") == [(0,)]  # it stays the household's
    _, again = await ring(floor, lily)
    assert "<h1>Son" in again


async def test_a_hidden_number_is_linked_for_this_call_alone(
    lily: WebCaller, database: Database, database_url: str
) -> None:
    wang = await make(database, "Wang")
    call, desk = await ring(ForgedFloor(database_url), lily, caller=None)
    assert "The caller hides the number" in desk
    found = await lily.get(f"/desk/callers/{call}/found", params={"q": "wan"}, headers=SCRIPTED)
    assert str(wang.id) in found.text
    linked = await lily.post(
        f"/desk/callers/{call}/link", data={"csrf": lily.csrf, "customer": str(wang.id)}, headers=SCRIPTED
    )
    assert "<h1>Wang" in linked.text
    _, next_one = await ring(ForgedFloor(database_url), lily, caller=None)
    assert "The caller hides the number" in next_one


async def test_a_strangers_call_is_nobodys_to_link(lily: WebCaller, database: Database, database_url: str) -> None:
    wang = await make(database, "Wang")
    rung = ForgedFloor(database_url).ring("PJSIP/2002", caller=CALLER)
    form = {"csrf": lily.csrf, "customer": str(wang.id)}
    answer = await lily.post(f"/desk/callers/{rung.conversation_id}/link", data=form, headers=SCRIPTED)
    assert "this call was not yours" in answer.text
    answer = await lily.post(f"/desk/callers/{rung.conversation_id}/create", data=form, headers=SCRIPTED)
    assert "this call was not yours" in answer.text
    assert ForgedFloor(database_url).rows("SELECT count(*) FROM caller_pick, customer_phone") == [(0,)]


async def test_do_not_call_is_of_the_telephone(lily: WebCaller, database: Database, database_url: str) -> None:
    wang, _ = await make(database, "Wang", CALLER), await make(database, "Zhao", CALLER)
    async with database.reading() as session:
        (phone,) = await customers.phones_of(session, wang.id)
        assert not await customers.is_do_not_call(session, CALLER)
    form = {"csrf": lily.csrf, "wanted": "true"}
    shown = await lily.post(f"/customers/{wang.id}/phones/{phone.id}/do-not-call", data=form, headers=SCRIPTED)
    assert "said by lily" in shown.text
    async with database.reading() as session:
        assert await customers.is_do_not_call(session, CALLER)
    await asyncio.to_thread(kefu, "customer", "edit", wang.code, "--may-call", CALLER, url=database_url)
    async with database.reading() as session:
        assert not await customers.is_do_not_call(session, CALLER)


PICTURE = """
SELECT to_jsonb(c) - 'version' FROM customer c UNION ALL SELECT to_jsonb(p) FROM customer_phone p
 UNION ALL SELECT to_jsonb(o) FROM customer_order o UNION ALL SELECT to_jsonb(m) - 'since' FROM organisation_member m
 UNION ALL SELECT to_jsonb(k) FROM caller_pick k
"""


def picture(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {json.dumps(row[0], sort_keys=True) for row in connection.execute(PICTURE)}


@pytest.fixture
async def two(database: Database) -> tuple[Customer, Customer]:
    """Two of one name, with a number in common and others of their own, in one house."""
    one = await make(database, "Li Wei", CALLER, "010 6552 9988", note="first")
    other = await make(database, "Li Wei", CALLER, "13900139000", company="Tea Ltd", tier="key", note="second")
    async with database.transaction() as session:
        home = await organisations.create(session, name="The Lis", kind="household", country="CN")
        work = await organisations.create(session, name="Tea Ltd", kind="company", country="CN")
        for person, house in ((one, home), (other, home), (other, work)):
            await organisations.add_person(session, house.id, person.id)
        phone = next(p for p in await customers.phones_of(session, other.id) if p.e164 == CALLER)
        await customers.set_do_not_call(session, other.id, phone.id, True, by="lily")
    return one, other


async def test_a_merge_takes_everything_over_and_its_undoing_brings_it_back(
    two: tuple[Customer, Customer], database: Database, database_url: str
) -> None:
    one, other = two
    before = picture(database_url)
    command = partial(asyncio.to_thread, kefu, "customer", url=database_url)
    done = json.loads((await command("merge", one.code, other.code, "--json")).stdout)
    shown = json.loads((await command("show", other.code, "--json")).stdout)
    assert (shown["code"], shown["company"], shown["tier"], shown["note"]) == (
        one.code, "Tea Ltd", "key", "first\nsecond",
    )  # fmt: skip
    assert [phone["e164"] for phone in shown["phones"]] == [CALLER, "+861065529988", "+8613900139000"]
    assert [phone["do_not_call"] for phone in shown["phones"]] == [True, False, False]
    assert [house["name"] for house in shown["organisations"]] == ["Tea Ltd", "The Lis"]
    async with database.reading() as session:
        assert [each.id for each in await customers.find_by_number(session, CALLER)] == [one.id]
        assert [each.id for each in await customer_search.search(session, "Li Wei", country="CN")] == [one.id]
    assert (await command("unmerge", done["merge"])).exit_code == 0
    assert picture(database_url) == before
    twice = await command("unmerge", done["merge"])
    assert (twice.exit_code, twice.stderr) == (1, "Error: this merge was undone already, by command line\n")


async def promised(database: Database, customer: Customer, number: str, **more: Any) -> None:
    """A callback in the queue support, open unless more is said."""
    now = datetime.now(UTC)
    times = dict.fromkeys(("joined_at", "place_at", "window_begin", "due_at"), now)
    about = {"node": "asterisk1", "queue": "support", "language": "en", "source": "cli", "booked_by": "lily"}
    known = {**about, **times, "number_e164": number, "window_end": now + timedelta(hours=1), **more}
    async with database.transaction() as session:
        session.add(Callback(customer_id=customer.id, **known))


@pytest.mark.parametrize(("open_kept", "open_gone", "go_over"), [(True, False, 1), (False, True, 1), (True, True, 0)])
async def test_only_an_open_promise_keeps_another_open_one_from_going_over(
    database: Database, database_url: str, open_kept: bool, open_gone: bool, go_over: int
) -> None:
    one, other = await make(database, "Li Wei", CALLER), await make(database, "Wei Li", "13900139000")
    over = {"state": "cancelled", "closed_at": datetime.now(UTC), "closed_by": "lily"}
    await promised(database, one, CALLER, **({} if open_kept else over))
    await promised(database, other, "+8613900139000", **({} if open_gone else over))
    kept = partial(
        ForgedFloor(database_url).rows, "SELECT count(*) FROM callback WHERE customer_id = %(id)s", id=one.id
    )
    async with database.transaction() as session:
        merged = await merge_customers.merge(session, kept_id=one.id, merged_id=other.id, by="lily")
    assert kept() == [(1 + go_over,)]
    async with database.transaction() as session:
        await merge_customers.unmerge(session, merged.id, by="lily")
    assert kept() == [(1,)]


async def test_merges_at_once_lose_nothing(database: Database, database_url: str) -> None:
    people = [await make(database, f"P{number}", f"1380013{number:04}") for number in range(6)]

    async def merge(kept: Customer, gone: Customer) -> bool:
        try:
            async with database.transaction() as session:
                await merge_customers.merge(session, kept_id=kept.id, merged_id=gone.id, by="lily")
        except Refusal:
            return False
        return True

    pairs = [(a, b) for a in people for b in people if a is not b]
    assert sum(await asyncio.gather(*(merge(a, b) for a, b in pairs))) == len(people) - 1
    async with database.reading() as session:
        (kept,) = await session.scalars(select(Customer).where(Customer.merged_into.is_(None)))
        assert len(await customers.phones_of(session, kept.id)) == len(people)
        for person in people:
            now = await customers.current(session, person.id)
            assert now is not None
            assert now.id == kept.id


async def test_what_is_undone_out_of_order_is_refused_and_what_came_late_goes_over(
    database: Database, database_url: str
) -> None:
    a, b, c = [await make(database, name, phone) for name, phone in (("A", "13800000001"), ("B", "13800000002"),
                                                                      ("C", "13800000003"))]  # fmt: skip
    async with database.transaction() as session:
        first = await merge_customers.merge(session, kept_id=b.id, merged_id=a.id, by="lily")
    async with database.transaction() as session:
        second = await merge_customers.merge(session, kept_id=c.id, merged_id=b.id, by="lily")
    with pytest.raises(Refusal, match=f"{b.code} was itself merged since: undo that merge first"):
        async with database.transaction() as session:
            await merge_customers.unmerge(session, first.id, by="lily")
    # Written by somebody who had A open all the while.
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO customer_phone (id, customer_id, raw, e164, country) "
            "VALUES (gen_random_uuid(), %s, 'late', '+8613800000009', 'CN')",
            [a.id],
        )
    await merge_customers.gather_left_behind(database, Settings())
    async with database.reading() as session:
        assert len(await customers.phones_of(session, c.id)) == 4
    async with database.transaction() as session:
        await merge_customers.unmerge(session, second.id, by="lily")
    async with database.transaction() as session:
        await merge_customers.unmerge(session, first.id, by="lily")
    async with database.reading() as session:
        numbers = {one.name: [p.e164 for p in await customers.phones_of(session, one.id)] for one in (a, b, c)}
    assert numbers["B"] == ["+8613800000002"]
    assert numbers["C"] == ["+8613800000003"]
    assert sorted(numbers["A"], key=str) == ["+8613800000001", "+8613800000009"]


async def test_duplicates_are_told_and_merged_on_the_page(
    two: tuple[Customer, Customer], dana: WebCaller, lily: WebCaller
) -> None:
    one, other = two
    assert (await lily.get("/customers/duplicates")).status_code == 403
    page = await dana.page("/customers/duplicates")
    assert "one number and one name" in page.text
    assert f'aria-label="Merge {other.code} into {one.code}"' in page.text
    assert (await dana.send_form(f"/customers/{one.id}/merge", merged=str(other.id))).status_code == 303
    assert "No duplicates" in (await dana.get("/customers/duplicates")).text
    assert (await dana.get(f"/customers/{other.id}")).headers["location"] == f"/customers/{one.id}"
    record = await dana.get(f"/customers/{one.id}")
    merge = field(record.text, "merge")
    assert (await dana.send_form(f"/customers/{one.id}/unmerge", merge=merge)).status_code == 303
    assert "one number and one name" in (await dana.get("/customers/duplicates")).text


async def test_organisations_are_kept_by_pages(lily: WebCaller, database: Database) -> None:
    wang = await make(database, "Wang")
    await lily.page("/organisations")
    made = await lily.send_form("/organisations", name="Harbour Lane", kind="dealer", phone="020 7946 0958")
    path = made.headers["location"]
    assert "cannot" not in (await lily.get(path)).text
    await lily.send_form(f"{path}/phones", phone="020 7946 0958", country="gb")
    await lily.send_form(f"{path}/people", code=wang.code, role="buyer")
    page = (await lily.get(path)).text
    assert "+442079460958" in page
    assert wang.name in page
    refused = await lily.send_form(f"{path}/people", code="nobody")
    assert "there is no customer" in refused.text
    stale = {"name": "New", "kind": "office", "note": ""}
    assert (await lily.send_form(path, version="1", **stale)).status_code == 303
    assert "somebody else has changed this organisation" in (await lily.send_form(path, version="1", **stale)).text


async def test_in_chinese(lily: WebCaller, database: Database) -> None:
    made = await make(database, "王小明", CALLER)
    await lily.send_form("/language", language="zh", back="/customers")
    said = {
        "/customers": "姓名、公司、编号或号码",
        "/customers/new": "新建客户",
        f"/customers/{made.id}": "再加一个号码",
        "/organisations": "新建机构",
    }
    for path, words in said.items():
        assert words in (await lily.get(path)).text
