"""The tables that the migrations make are the tables that the program means, and upgrading is safe to repeat."""

from __future__ import annotations

import threading

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from postgres_server import Databases
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from crm import migrations
from crm.migrations import MigrationRefused, pending, upgrade
from crm.refusals import CrmUnavailable
from crm.tables import Table

CHECKS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
    AND contype <> 't' -- a constraint trigger is behaviour, which the tables' modules do not hold
    UNION ALL
    SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    ORDER BY 1, 2, 3
"""


def _engine(url: str):  # type: ignore[no-untyped-def]
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"))


def test_migrated_tables_equal_the_metadata(database_url: str) -> None:
    engine = _engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": Table.metadata}
        )
        assert compare_metadata(context, Table.metadata) == []
    engine.dispose()


def test_constraints_and_indexes_equal_those_of_the_metadata(databases: Databases, database_url: str) -> None:
    """Alembic compares no CHECK constraint and no index condition, so the catalogue is compared too."""
    meant_url = databases.create()
    meant = _engine(meant_url)
    Table.metadata.create_all(meant)
    meant.dispose()
    with psycopg.connect(database_url) as migrated, psycopg.connect(meant_url) as drawn:
        assert migrated.execute(CHECKS).fetchall() == drawn.execute(CHECKS).fetchall()
    databases.drop(meant_url)


def test_upgrade_tells_what_ran_and_nothing_the_second_time(databases: Databases) -> None:
    url = databases.create()
    assert pending(url)[0] == "0001"
    ran = upgrade(url, "0022")
    assert ran[0] == "0001"
    with psycopg.connect(url) as connection:
        connection.execute("""
            INSERT INTO conversation (id, node, linkedid, direction, caller, started_at, ended_at, reconstructed)
            SELECT gen_random_uuid(), 'n', caller, 'inbound', caller, now(), now(), false
              FROM unnest(ARRAY['anonymous', 'Anonymous', 'RESTRICTED', 'Not Available', '13800138000']) AS caller""")
    assert upgrade(url)[0] == "0023"
    with psycopg.connect(url) as connection:
        told = connection.execute("SELECT caller, count(*) FROM conversation GROUP BY 1 ORDER BY 1").fetchall()
    assert told == [("13800138000", 1), (None, 4)]
    assert upgrade(url) == []
    assert pending(url) == []
    databases.drop(url)


def test_two_upgrades_at_once_take_turns(databases: Databases) -> None:
    url = databases.create()
    ran: list[list[str]] = []
    threads = [threading.Thread(target=lambda: ran.append(upgrade(url))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(steps) > 0 for steps in ran) == [False, True]
    databases.drop(url)


def test_a_table_in_use_refuses_the_migration_and_changes_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "50ms")
    with psycopg.connect(database_url) as traffic:
        traffic.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(MigrationRefused, match=r"^a table of .*/kefu_test_.* is in use"):
            upgrade(database_url)
    assert pending(database_url) == []


def test_a_database_of_a_newer_program_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(MigrationRefused, match="newer program"):
        upgrade(database_url)


def test_upgrade_without_a_server_is_one_sentence() -> None:
    with pytest.raises(
        CrmUnavailable, match=r"^Postgres at 127\.0\.0\.1:1/kefu does not answer \(Connection refused\)"
    ):
        upgrade("postgresql://kefu:very-secret@127.0.0.1:1/kefu")
