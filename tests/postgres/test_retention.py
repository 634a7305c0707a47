"""Rows are kept for their days and no longer, in batches, as the settings say; what is open or held stays."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from canary import Planter
from click.testing import CliRunner
from ledger_rows import rows

from crm import audit, retention
from crm.cli import main
from crm.database import Database
from crm.rules.retention_days import DAYS
from crm.settings import Settings, SettingsRefused, read_settings
from crm.tables import Table

OLD = datetime.now(UTC) - timedelta(days=400)


def test_every_rule_names_a_table_its_clock_its_key_and_its_days() -> None:
    assert {rule.table for rule in retention.RULES} == set(DAYS)
    for rule in retention.RULES:
        columns = Table.metadata.tables[rule.table].columns
        assert {rule.aged, rule.else_aged or rule.aged, *rule.key} <= set(columns.keys())


async def test_old_rows_go_in_batches_and_open_ones_stay(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 2)
    async with database.transaction() as session:
        to = Planter(session)
        for n in range(5):
            call = {"node": "n1", "linkedid": str(n), "direction": "inbound", "started_at": OLD}
            made = await to.row("conversation", **call, ended_at=OLD)
            await to.row("wait", conversation_id=made["id"], node="n1", entered_at=OLD)
        await to.row("conversation", node="n1", linkedid="open", direction="inbound", started_at=OLD)
        new = {"node": "n1", "linkedid": "new", "direction": "inbound", "started_at": datetime.now(UTC)}
        await to.row("conversation", **new, ended_at=datetime.now(UTC))
        await to.row("visit", node="n1", linkedid="0", started_at=OLD)
    assert await retention.run(database, Settings()) == {}, "three years are not over"
    assert await retention.run(database, Settings(retention_days={"conversation": 365})) == {"conversation": 5}
    assert rows(database_url, "SELECT linkedid FROM conversation ORDER BY 1") == [("new",), ("open",)]
    assert rows(database_url, "SELECT count(*) FROM wait") == [(0,)]
    assert rows(database_url, "SELECT count(*) FROM visit") == [(1,)], "it has days of its own"
    async with database.reading() as session:
        noted = await audit.listed(session, did="retention")
    assert [row.detail for row in noted] == [{"rows": {"conversation": 5}}]


async def test_for_good_means_for_good_and_the_command_says_what_is_due(database: Database, database_url: str) -> None:
    async with database.transaction() as session:
        await Planter(session).row("correction", at=OLD, what="mended")

    def kefu(*words: str, days: str) -> object:
        command = ["retention", *words, "--json", "--database-url", database_url]
        return json.loads(CliRunner(env={"KEFU_RETENTION_DAYS": days}).invoke(main, command).stdout)

    def shown(days: str) -> dict[str, object]:
        found = kefu("show", days=days)
        assert isinstance(found, list)
        return next(row for row in found if row["table"] == "correction")

    kept = await asyncio.to_thread(shown, '{"correction": 0}')
    assert kept == {"table": "correction", "days": 0, "rows": 1, "due": 0, "held": 0}
    assert await asyncio.to_thread(kefu, "run", days='{"correction": 0}') == {}
    assert (await asyncio.to_thread(shown, '{"correction": 30}'))["due"] == 1
    assert await asyncio.to_thread(kefu, "run", days='{"correction": 30}') == {"correction": 1}


@pytest.mark.parametrize(
    ("days", "told"),
    [({"shoes": 1}, "nothing is kept by days under 'shoes'"), ({"visit": -1}, "visit: -1 days cannot be meant")],
)
def test_days_that_cannot_be_meant_are_a_sentence(days: dict[str, int], told: str) -> None:
    with pytest.raises(SettingsRefused, match=told):
        read_settings(retention_days=days)
