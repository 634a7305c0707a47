"""A million customers with three million numbers, their orders and their contacts, for benchmarks that ask among many.

    python tests/benchmarks/many_customers.py [--scale 1.0] [--contacts 2] [--anew]

Made by Postgres itself, one statement a table, into a durable server of its own in the cache folder, and kept: whoever
asks for the same crowd again has it at once (`with many_customers() as crowd: … crowd.url`). Benchmarks that write take
`copied=True`, a copy that goes with the block. The same rows come out each time, but for the day that is today.

What a customer has: three numbers (every twentieth one's third is a switchboard that up to five share), two orders, and
`--contacts` calls on average: the first customer has thousands, most have none or one. `--contacts 18` makes twenty
million entries of timelines. Columns that came after this was written get their defaults.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg
import sqlalchemy as sa
from customer_rows import ROWS
from psycopg import sql
from sqlalchemy.engine import make_url

from crm.embedded import EmbeddedPostgres
from crm.migrations import upgrade
from crm.pbx.asterisk_root import cache_folder
from crm.refusals import CrmUnavailable
from crm.tables import Table

MADE_AS = 1  # raised when other rows are to be made: what was kept is then of no use
MILLION = 1_000_000
STRIDE = 7919  # no divisor of a thousand millions: each number once, in no order
NODE = "asterisk1"


class Crowd(NamedTuple):
    """Where they are, and how many."""

    url: str
    customers: int
    contacts: int

    def number(self, index: int) -> str:
        """The number at this place among all, in E.164: customer n (from 1) has 3n-3, 3n-2 and mostly 3n-1."""
        return f"+8613{index * STRIDE % 10**9:09}"


# Nothing is written into them until REINDEX makes them whole.
_WITHOUT_INDEXES = """
UPDATE pg_index SET indisready = false, indisvalid = false
 WHERE indrelid IN (SELECT oid FROM pg_class WHERE relname = ANY(%s) AND relkind = 'r')
"""
_SIZES = """
SELECT relname, reltuples::bigint, pg_total_relation_size(oid) / 1048576 FROM pg_class WHERE relname = ANY(%s)
 ORDER BY 2 DESC
"""

# What a column that nobody here knows of is given, where it must have something.
_EMPTY = {
    sa.Uuid: "gen_random_uuid()",
    sa.String: "''",
    sa.Boolean: "false",
    sa.Integer: "0",
    sa.Numeric: "0",
    sa.DateTime: "now()",
    sa.JSON: "'{}'",
}


@contextmanager
def many_customers(
    scale: float = 1.0, contacts: int = 2, *, copied: bool = False, anew: bool = False
) -> Iterator[Crowd]:
    """The crowd, made now if it is not kept yet, with the tables of today."""
    customers = max(1, round(MILLION * scale))
    name = f"customers_{customers}_{contacts}_{MADE_AS}"
    with _server() as server:
        house = make_url(server.url).set(drivername="postgresql")
        url = house.set(database=name).render_as_string(hide_password=False)
        with psycopg.connect(server.url, autocommit=True) as door:
            if anew:
                _drop(door, name)
            if not door.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                _make(door, house, name, Crowd("", customers, contacts))
            upgrade(url)
            if not copied:
                yield Crowd(url, customers, contacts)
                return
            copy = f"{name}_copy"
            _drop(door, copy)
            named = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
            door.execute(named.format(sql.Identifier(copy), sql.Identifier(name)))
            try:
                yield Crowd(house.set(database=copy).render_as_string(hide_password=False), customers, contacts)
            finally:
                _drop(door, copy)


@contextmanager
def _server() -> Iterator[EmbeddedPostgres]:
    """In the cache folder; where Postgres' account may not go there, in the folder for files that outlast a restart."""
    places = [cache_folder() / "many-customers", Path("/var/tmp/kefu-many-customers"), Path(tempfile.gettempdir())]
    for place in places:
        server = EmbeddedPostgres(place)
        try:
            server.start()
        except CrmUnavailable:
            if place is places[-1]:
                raise
            continue
        try:
            yield server
        finally:
            server.stop()
        return


def _make(door: psycopg.Connection, house: sa.URL, name: str, crowd: Crowd) -> None:
    """Under another name until it is whole: one that was left half made is made anew."""
    began = time.monotonic()
    unfinished = f"{name}_unfinished"
    _drop(door, unfinished)
    door.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
    url = house.set(database=unfinished).render_as_string(hide_password=False)
    upgrade(url)
    with _in_haste(door), psycopg.connect(url, autocommit=True) as connection:
        # Keys are right by construction, and indexes are several times quicker made of whole tables.
        for setting in ("session_replication_role = replica", "synchronous_commit = off"):
            connection.execute(f"SET {setting}")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(_WITHOUT_INDEXES, [list(ROWS)])
        for table in ROWS:
            rows = connection.execute(insert_of(table, crowd)).rowcount
            _say(began, f"{rows:>9} {table}")
        for table in ROWS:
            connection.execute(sql.SQL("REINDEX TABLE {}").format(sql.Identifier(table)))
        _say(began, "indexes")
        connection.execute("VACUUM ANALYZE")
    door.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(unfinished), sql.Identifier(name)))
    _say(began, f"{crowd.customers} customers are kept")


@contextmanager
def _in_haste(door: psycopg.Connection) -> Iterator[None]:
    """No checkpoint while the tables are filled: each would have every page written twice."""
    settings = {"max_wal_size": "16GB", "checkpoint_timeout": "1h"}
    for name, value in settings.items():
        door.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    door.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        for name in settings:
            door.execute(f"ALTER SYSTEM RESET {name}")
        door.execute("SELECT pg_reload_conf()")
        door.execute("CHECKPOINT")


def insert_of(name: str, crowd: Crowd) -> str:
    """The one statement that fills a table."""
    source, known = ROWS[name]
    table = Table.metadata.tables[name]
    values = {column.name: _value(column, known) for column in table.columns}
    wanted = {column: value for column, value in values.items() if value is not None}
    statement = f"INSERT INTO {name} ({', '.join(wanted)}) SELECT {', '.join(wanted.values())} FROM {source}"  # noqa: S608
    midnight = f"'{datetime.now(UTC):%Y-%m-%d}'::timestamptz"
    for word, said in {
        "customers": crowd.customers,
        "calls": crowd.customers * crowd.contacts,
        "midnight": midnight,
    }.items():
        statement = statement.replace(f"{{{word}}}", str(said))
    return statement


def _value(column: sa.Column[object], known: dict[str, str]) -> str | None:
    """What is written into a column; None leaves it to the table."""
    if column.name in known:
        return known[column.name]
    if column.server_default is not None or column.nullable:
        return None
    if column.default is not None and column.default.is_scalar:
        value = column.default.arg
        return {True: "true", False: "false"}.get(value) if isinstance(value, bool) else f"'{value}'"
    return next(empty for kind, empty in _EMPTY.items() if isinstance(column.type, kind))


def _drop(door: psycopg.Connection, name: str) -> None:
    door.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _say(began: float, what: str) -> None:
    print(f"{time.monotonic() - began:7.1f} s {what}", file=sys.stderr, flush=True)


def arguments(asked: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """How many, for every benchmark on such a crowd."""
    asked.add_argument("--scale", type=float, default=1.0, help="1 is a million customers")
    asked.add_argument("--contacts", type=int, default=2, help="calls of a customer, on average")
    return asked


def main() -> None:
    """Make the crowd, or find it made, and say how big it is."""
    asked = arguments(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    )
    asked.add_argument("--anew", action="store_true", help="also when it is kept already")
    said = asked.parse_args()
    with many_customers(said.scale, said.contacts, anew=said.anew) as crowd, psycopg.connect(crowd.url) as rows:
        print(f"{'table':<16} {'rows':>10} {'MB':>7}")
        for name, many, megabytes in rows.execute(_SIZES, [list(ROWS)]).fetchall():
            print(f"{name:<16} {many:>10} {megabytes:>7}")


if __name__ == "__main__":
    main()
