"""Where the tests' databases come from: Debian's server programs, and copies of one migrated template."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url


def debian_programs() -> Path:
    """The newest server of Debian's package `postgresql`; its absence is a failure, not a skip."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda program: int(program.parts[4]))
    if not found:
        pytest.fail("Debian's package postgresql is missing: apt-get install postgresql")
    return found[-1].parent


class Databases:
    """Makes and drops databases on one server."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server).set(drivername="postgresql")
        self._numbers = count(1)

    def create(self, template: str | None = None) -> str:
        """A new database, empty or a copy of the one at `template`; return its address."""
        name = f"kefu_test_{os.getpid()}_{next(self._numbers)}"
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            source = make_url(template).database or ""
            # Copying the files takes a third of the time that the default, copying by the log, takes here.
            statement += sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(source))
        self._run(statement)
        return self._server.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove the database at `url`, also from under its users."""
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(make_url(url).database or "")))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)
