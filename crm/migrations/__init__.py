"""The history of the tables, and the one way to bring a database up to date.

`upgrade(url)` needs no alembic.ini: it finds the scripts in this package, also inside an installed wheel. Each
migration is one transaction; a lock that live traffic holds is waited for 4 s at most, then the migration fails and
nothing changed. Two upgrades at once take turns by an advisory lock. Imported by the command line and by tests only,
inside functions (alembic is slow).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from crm.database import CONNECT_TIMEOUT_S, explained, spoken
from crm.refusals import Refusal

LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "10min"
TURN_TIMEOUT = "5min"
ADVISORY_LOCK = 0x6B656675  # "kefu" in ASCII


class MigrationRefused(Refusal):
    """The database could not be brought up to date; what had been migrated before stays, the failed step does not."""


def upgrade(url: str, revision: str = "head") -> list[str]:
    """Bring the database at `url` up to `revision`; return the migrations that ran, in order (none: was up to date)."""
    config = _config()
    with _connected(url) as connection:
        _say(connection, "SET lock_timeout = '{}'", TURN_TIMEOUT)
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        _say(connection, "SET lock_timeout = '{}'", LOCK_TIMEOUT)
        _say(connection, "SET statement_timeout = '{}'", STATEMENT_TIMEOUT)
        before = reached(connection)
        connection.commit()  # alembic opens one transaction a migration; the advisory lock belongs to the session
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        return _between(config, before, reached(connection))


def pending(url: str) -> list[str]:
    """The migrations that the database at `url` still lacks, in order."""
    with _connected(url) as connection:
        return _between(_config(), reached(connection), "head")


def reached(connection: Connection) -> str | None:
    """The migration the database stands at; None before the first."""
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


def _between(config: Config, lower: str | None, upper: str | None) -> list[str]:
    if upper is None:
        return []
    steps = ScriptDirectory.from_config(config).iterate_revisions(upper, lower or "base")
    return [step.revision for step in steps][::-1]


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    address = make_url(url).set(drivername="postgresql+psycopg")
    where = spoken(address)
    connect_timeout = {} if "connect_timeout" in address.query else {"connect_timeout": CONNECT_TIMEOUT_S}
    engine = create_engine(address, poolclass=NullPool, connect_args=connect_timeout)
    with explained(where):
        try:
            with engine.connect() as connection:
                yield connection
        except DBAPIError as failure:
            if isinstance(failure.orig, psycopg.errors.LockNotAvailable):
                raise MigrationRefused(f"a table of {where} is in use: stop the traffic or try again later") from None
            raise
        except CommandError as unknown:
            raise MigrationRefused(f"{where} was migrated by a newer program than this one: {unknown}") from None


def _say(connection: Connection, statement: str, value: str) -> None:
    connection.execute(text(statement.format(value)))
