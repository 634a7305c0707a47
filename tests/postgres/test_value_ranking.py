"""The nightly ranking against the pure rule, tiers set by hand that stay, nothing that waits, and what explains it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from crm import value
from crm.cli import main
from crm.database import Database
from crm.deeds import rank_customers
from crm.deeds.change_value import change_rule, hold_tier, release_tier
from crm.deeds.merge_customers import merge, unmerge
from crm.deeds.rank_customers import rank
from crm.refusals import Refusal
from crm.reports.value_explained import customer_of, explain
from crm.settings import Settings
from crm.tables.customers import Customer
from crm.tables.value import CustomerValue

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = Settings()


def sold(url: str, *bought: tuple[str, Sequence[tuple[float, str]]], currency: str = "CNY") -> None:
    """Customers by code with their orders: days before NOW, amount."""
    with psycopg.connect(url) as connection:
        for code, made in bought:
            connection.execute(
                "INSERT INTO customer (id, code, name, tier, note) VALUES (gen_random_uuid(), %s, %s, 'ordinary', '')"
                " ON CONFLICT DO NOTHING",
                (code, f"Customer {code}"),
            )
            for days, amount in made:
                connection.execute(
                    "INSERT INTO customer_order (id, number, customer_id, state, item, amount, currency, placed_at) "
                    "SELECT gen_random_uuid(), gen_random_uuid()::text, id, 'delivered', 'x', %s, %s, %s "
                    "FROM customer WHERE code = %s",
                    (amount, currency, NOW - timedelta(days=days), code),
                )


CROWD = [(f"M{n}", [(50.0 + n, "100")] * 2) for n in range(6)]
"""Who stands in the middle, so that there are steps."""


async def ranked(database: Database, days_later: float = 0) -> rank_customers.Ranked:
    return await rank(database, SETTINGS, as_of=NOW + timedelta(days=days_later))


async def told(database: Database, code: str) -> Any:
    async with database.reading() as session:
        return await explain(session, await customer_of(session, code), currency="CNY")


async def test_sql_and_rule_agree_on_everybody(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_customers, "BITE", 17)
    dice = random.Random(7)
    crowd = [
        (
            f"C{n}",
            [
                (round(dice.expovariate(1 / 200), 3), f"{dice.paretovariate(1) * 50:.2f}")
                for _ in range(dice.randint(1, 9))
            ],
        )
        for n in range(60)
    ]
    sold(database_url, *crowd, ("none", []))
    done = await ranked(database)
    assert done.customers == 60
    for code, _ in crowd:
        found = await told(database, code)
        assert found.agrees, (code, found.worth, found.written)
        assert found.tier == found.worth.segment == found.written.segment
        assert found.written.score == float(found.worth.score)
    async with database.reading() as session:
        levels = await value.pyramid(session)
    assert sum(level.customers for level in levels) == 60
    assert done.moved == sum(level.customers for level in levels if level.tier != "ordinary")
    assert all(level.customers for level in levels[:1] + levels[2:])
    assert (await told(database, "none")).worth is None
    again = await ranked(database)
    assert again.moved == 0


async def test_a_tier_by_hand_stays_and_says_so(database: Database, database_url: str) -> None:
    sold(database_url, ("A", [(1, "9000")] * 9), ("B", [(300, "1")]), ("C", [(200, "5")]), *CROWD)
    await ranked(database)
    assert [(await told(database, code)).tier for code in "AB"] == ["key", "small"]
    with psycopg.connect(database_url) as connection:  # as the customer's record is edited
        connection.execute("UPDATE customer SET tier = 'main' WHERE code = 'B'")
    async with database.transaction() as session:
        await hold_tier(session, await customer_of(session, "A"), "small", by="dana", why="never pays")
    for days in (1, 2):
        await ranked(database, days)
    by_command, by_edit = await told(database, "A"), await told(database, "B")
    assert (by_command.tier, by_command.held_by, by_command.held_why) == ("small", "dana", "never pays")
    assert (by_edit.tier, by_edit.held_by is not None, by_edit.worth.segment) == ("main", True, "small")
    assert [(step.to_tier, step.by) for step in by_command.history] == [("small", "dana"), ("key", "kefu")]
    async with database.transaction() as session:
        assert await release_tier(session, await customer_of(session, "A"), by="dana") == "key"
        with pytest.raises(Refusal, match="not set by hand"):
            await release_tier(session, await customer_of(session, "C"), by="dana")
        with pytest.raises(Refusal, match="needs a reason"):
            await hold_tier(session, await customer_of(session, "C"), "key", by="dana", why=" ")
    await ranked(database, 3)
    assert ((await told(database, "A")).tier, (await told(database, "A")).held_by) == ("key", None)


async def test_a_tier_that_came_over_in_a_merge_is_nobodys_own(database: Database, database_url: str) -> None:
    sold(database_url, ("A", [(1, "9000")] * 9), ("B", [(300, "1")]), *CROWD)
    await ranked(database)
    async with database.transaction() as session:
        best, least = await customer_of(session, "A"), await customer_of(session, "B")
        await merge(session, kept_id=least.id, merged_id=best.id, by="dana")
        assert least.tier == "key"
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE customer_order SET state = 'cancelled' WHERE amount = 9000")
    await ranked(database, 1)
    found = await told(database, "A")  # who is B now
    assert (found.code, found.tier, found.held_by) == ("B", "small", None)


async def parted(database: Database, kept: str, gone: str) -> None:
    """The two are merged, ranked as one, parted, and ranked as two."""
    await ranked(database)
    async with database.transaction() as session:
        one, other = await customer_of(session, kept), await customer_of(session, gone)
        made = await merge(session, kept_id=one.id, merged_id=other.id, by="dana")
    await ranked(database, 1)
    async with database.transaction() as session:
        await unmerge(session, made.id, by="dana")
    await ranked(database, 2)


async def test_a_merge_undone_leaves_nobodys_tier_by_hand(database: Database, database_url: str) -> None:
    sold(database_url, ("best", [(1, "9000")] * 9), ("least", [(300, "1")]), ("C", [(200, "5")]), *CROWD)
    await parted(database, "least", "best")
    least, best = await told(database, "least"), await told(database, "best")
    assert [(each.tier, each.held_by) for each in (least, best)] == [("small", None), ("key", None)]


async def test_nor_where_the_kept_one_had_no_orders(database: Database, database_url: str) -> None:
    """Its figures came over and go back, though the ranking changed the tier of the two together."""
    sold(database_url, ("best", [(1, "9000")] * 9), ("none", []), ("C", [(200, "5")]), *CROWD)
    await ranked(database)
    async with database.transaction() as session:
        none, best = await customer_of(session, "none"), await customer_of(session, "best")
        made = await merge(session, kept_id=none.id, merged_id=best.id, by="dana")
        await change_rule(session, "key_from", Decimal(100), by="dana")
    await ranked(database, 1)
    assert ((await told(database, "none")).tier, (await told(database, "none")).held_by) == ("main", None)
    async with database.transaction() as session:
        await unmerge(session, made.id, by="dana")
    await ranked(database, 2)
    none_, best_ = await told(database, "none"), await told(database, "best")
    assert [(each.tier, each.held_by) for each in (none_, best_)] == [("ordinary", None), ("main", None)]


async def test_a_tier_that_was_given_at_the_start_is_somebodys_own(database: Database, database_url: str) -> None:
    sold(database_url, ("A", [(300, "1")]), ("B", [(1, "10")] * 5))
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE customer SET tier = 'key' WHERE code = 'A'")
    await ranked(database)
    assert (await told(database, "A")).tier == "key"


async def test_who_is_being_edited_is_not_waited_for_and_comes_the_next_night(
    database: Database, database_url: str
) -> None:
    sold(database_url, ("A", [(1, "9000")] * 9), *CROWD)
    with psycopg.connect(database_url) as editor:
        editor.execute("UPDATE customer SET note = 'being edited' WHERE code = 'A'")
        await asyncio.wait_for(ranked(database), 20)
    assert (await told(database, "A")).tier == "ordinary"
    await ranked(database, 1)
    assert (await told(database, "A")).tier == "key"
    assert (await told(database, "A")).held_by is None


async def test_one_ranking_at_a_time_and_a_broken_one_leaves_the_way_free(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(database_url, ("A", [(1, "1")]))
    async with rank_customers._turn(database):
        with pytest.raises(rank_customers.Busy):
            await ranked(database)
        await rank_customers.run(database, SETTINGS)
    with monkeypatch.context() as broken:
        broken.setattr(rank_customers, "_RANK", text("SELECT 1 / 0"))
        with pytest.raises(DBAPIError, match="division by zero"):
            await ranked(database)
    await ranked(database)
    with psycopg.connect(database_url) as connection:
        states = connection.execute("SELECT state FROM value_run ORDER BY began_at").fetchall()
    assert states == [("failed",), ("done",)]


async def test_orders_in_other_currencies_count_once_somebody_says_their_rate(
    database: Database, database_url: str
) -> None:
    sold(database_url, ("A", [(1, "10")]), ("B", [(2, "20")]), ("C", [(3, "30")]))
    sold(database_url, ("A", [(1, "100")]), currency="USD")
    assert (await ranked(database)).left_out == 1
    assert (await told(database, "A")).figures.amount == Decimal("10.00")
    async with database.transaction() as session:
        await change_rule(session, "rate.USD", Decimal("7.1"), by="dana")
        with pytest.raises(Refusal, match="stands on its head"):
            await change_rule(session, "key_from", Decimal(3), by="dana")
        await change_rule(session, "ordinary_from", Decimal(1), by="dana")
        await change_rule(session, "ordinary_from", None, by="dana")
    assert (await ranked(database)).left_out == 0
    found = await told(database, "A")
    assert found.figures.amount == Decimal("720.00")
    assert found.agrees
    with psycopg.connect(database_url) as connection:
        noted = connection.execute("SELECT did, by, subject_id FROM audit ORDER BY number").fetchall()
    assert noted[0] == ("value.rule", "dana", "rate.USD")


async def test_who_pauses_too_long_is_listed_and_orders_that_went_away_leave_no_figures(
    database: Database, database_url: str
) -> None:
    monthly = [(days, "100") for days in (90, 120, 150, 180)]
    sold(database_url, ("risk", monthly), ("gone", [(400, "5")]), ("fine", [(1, "5"), (31, "5"), (61, "5")]))
    await ranked(database)
    async with database.reading() as session:
        listed = {each: [one.code for one in await value.losing(session, each)] for each in ("at_risk", "lapsed")}
    assert listed == {"at_risk": ["risk"], "lapsed": ["gone"]}
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE customer_order SET state = 'cancelled' FROM customer c WHERE code = 'gone' "
                           "AND c.id = customer_id")  # fmt: skip
    await ranked(database, 1)
    async with database.reading() as session:
        row = await session.scalar(select(CustomerValue).join(Customer, Customer.id == CustomerValue.customer_id)
                                   .where(Customer.code == "gone"))  # fmt: skip
        assert await value.losing(session, "lapsed") == []
    assert row is not None
    assert (row.last_at, row.segment, row.orders_ever) == (None, None, 0)


async def test_the_commands_tell_all_of_it(database_url: str, database: Database) -> None:
    sold(database_url, ("A", [(1, "9000")] * 9), ("B", [(300, "1")]))

    def kefu(*arguments: str) -> Any:
        return CliRunner().invoke(main, [*arguments, "--database-url", database_url])

    ran = await asyncio.to_thread(kefu, "value", "run", "--json")
    assert json.loads(ran.stdout)["customers"] == 2
    levels = json.loads((await asyncio.to_thread(kefu, "value", "pyramid", "--json")).stdout)
    assert [level["tier"] for level in levels] == ["key", "main", "ordinary", "small"]
    set_wrong = await asyncio.to_thread(kefu, "value", "set", "key_from", "2")
    assert (set_wrong.exit_code, set_wrong.stderr.count("\n")) == (1, 1)
    assert (await asyncio.to_thread(kefu, "value", "set", "key_from", "15")).exit_code == 0
    rules = json.loads((await asyncio.to_thread(kefu, "value", "rules", "--json")).stdout)
    assert next(rule for rule in rules if rule["name"] == "key_from")["value"] == "15"
