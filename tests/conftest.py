"""What all tests share: a Postgres server for the session, and a fresh copy of the migrated database for each test.

`--postgres embedded` (the default) runs the wheel's server, `--postgres debian` Debian's, `--postgres URL` (or
KEFU_TEST_DATABASE_URL) uses a running one whose account may create databases. A test that asks for none starts none.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from postgres_server import Databases, debian_programs

from crm.database import Database
from crm.embedded import EmbeddedPostgres

# Nobody's own settings may leak into a test.
for name in [name for name in os.environ if name.startswith("KEFU_") and not name.startswith("KEFU_TEST_")]:
    del os.environ[name]
os.environ["KEFU_CONFIG"] = os.devnull

# Its own way of printing a failure draws all local variables: seconds of work for one of the web service's.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

# How many examples hypothesis makes up for a test: some here, many under `make prove`.
settings.register_profile("kefu", max_examples=int(os.environ.get("KEFU_TEST_EXAMPLES", "25")), deadline=None)
settings.load_profile("kefu")

MEMORY_NEEDED_BYTES = 2_000_000_000
MEASURED_CASES = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which server the tests speak to."""
    parser.addoption(
        "--postgres",
        default=os.environ.get("KEFU_TEST_DATABASE_URL", "embedded"),
        metavar="embedded|debian|URL",
        help="the Postgres server the tests use (env KEFU_TEST_DATABASE_URL)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Being measured costs a line up to five times its own time. Property tests, and all but the first cases of a test
    with many, walk the same lines again: what they alone come to counts as not covered."""
    cases: Counter[str] = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        cases[test] += 1
        if cases[test] > MEASURED_CASES or getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server where this session may create databases."""
    chosen = str(request.config.getoption("--postgres"))
    if "://" in chosen:
        yield chosen
        return
    programs = debian_programs() if chosen == "debian" else None
    # Not pytest's own folder: it is closed to the account Postgres runs as when the tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="kefu-test-postgres-", dir=_in_memory()))
    try:
        with EmbeddedPostgres(folder, durable=False, programs=programs) as server:
            yield server.url
    finally:
        shutil.rmtree(folder)


def _in_memory() -> str | None:
    """Half the time of a test on rows is the copying of some 750 small files: in memory where there is room."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > MEMORY_NEEDED_BYTES else None


@pytest.fixture(scope="session")
def databases(postgres_server: str) -> Databases:
    """Databases beside the usual one, for tests that want an empty or a second one."""
    return Databases(postgres_server)


@pytest.fixture(scope="session")
def template_url(databases: Databases) -> Iterator[str]:
    """A migrated, empty database to copy from; nobody may be connected to it."""
    from crm.migrations import upgrade

    url = databases.create()
    upgrade(url)
    yield url
    databases.drop(url)


@pytest.fixture
def database_url(databases: Databases, template_url: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    url = databases.create(template_url)
    yield url
    databases.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """`crm.database.Database` on `database_url`."""
    opened = Database(database_url, application_name="kefu-test")
    yield opened
    await opened.close()
