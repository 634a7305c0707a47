"""The Postgres of our own: it starts from nothing, is shared, ends with its owner, leaves folders above alone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from crm.embedded import EmbeddedPostgres, database_address
from crm.refusals import CrmUnavailable
from crm.settings import read_settings

OWNER = """
import sys
from pathlib import Path
from crm.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
print((server.data / "postmaster.pid").read_text().split()[0], flush=True)
sys.stdin.read()
"""


@contextmanager
def _owner(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that owns a server, and the server's pid. It is killed at the end, if it still lives."""
    command = [sys.executable, "-c", OWNER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = int(process.stdout.readline())
        try:
            yield process, server
        finally:
            process.kill()
            _await_end(server)


def _await_end(server: int) -> None:
    try:
        alive = os.pidfd_open(server)
    except ProcessLookupError:
        return
    assert select.select([alive], [], [], 20)[0], "the server outlived its owner"
    os.close(alive)


def test_start_use_stop_and_start_again_keeps_the_rows(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres")
    with server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT '王小明' AS name")
    assert not (server.data / "postmaster.pid").exists()
    with server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT name FROM kept").fetchone() == ("王小明",)
        (fsync,) = connection.execute("SHOW fsync").fetchone() or ("",)
        assert fsync == "on"


def test_trigrams_find_chinese(folder: Path) -> None:
    with EmbeddedPostgres(folder / "postgres", durable=False) as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        (trigrams,) = connection.execute("SELECT show_trgm('王小明')").fetchone() or ([],)
        assert len(trigrams) == 4


def test_folders_above_keep_their_modes(folder: Path) -> None:
    before = [parent.stat().st_mode for parent in folder.parents]
    with EmbeddedPostgres(folder / "deep" / "postgres", durable=False):
        pass
    assert [parent.stat().st_mode for parent in folder.parents] == before
    assert folder.stat().st_mode & 0o777 == 0o755


def test_it_ends_with_an_owner_that_is_killed(folder: Path) -> None:
    with _owner(folder / "postgres") as (owner, server):
        owner.kill()
        _await_end(server)
    with EmbeddedPostgres(folder / "postgres", durable=False) as next_one, psycopg.connect(next_one.url):
        pass


def test_one_that_was_killed_and_is_not_buried_yet_is_waited_for(folder: Path) -> None:
    """A dead process keeps its number until its parent looks, and Postgres takes it for alive."""
    killed = EmbeddedPostgres(folder / "postgres", durable=False)
    killed.start()
    pid = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not killed.is_alive
    burial = threading.Timer(0.7, killed.stop)
    burial.start()
    with EmbeddedPostgres(folder / "postgres", durable=False) as again, psycopg.connect(again.url):
        assert again.is_alive
    burial.join()


def test_it_outlives_the_thread_that_started_it(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", durable=False)
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.stop()


def test_a_second_process_is_a_guest_and_leaves_it_running(folder: Path) -> None:
    with _owner(folder / "postgres"):
        guest = EmbeddedPostgres(folder / "postgres", durable=False)
        guest.start()
        guest.stop()
        with psycopg.connect(guest.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_two_starts_at_once_make_one_server(folder: Path) -> None:
    servers = [EmbeddedPostgres(folder / "postgres", durable=False) for _ in range(2)]
    threads = [threading.Thread(target=server.start) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(servers[0].url), psycopg.connect(servers[1].url):
        pass
    for server in servers:
        server.stop()


def test_a_killed_first_start_leaves_nothing_half_made(folder: Path) -> None:
    half_made = folder / "postgres" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder / "postgres", durable=False) as server, psycopg.connect(server.url):
        assert not half_made.exists()


def test_a_folder_nobody_may_enter_is_one_sentence(folder: Path) -> None:
    if os.geteuid() != 0:
        folder.chmod(0o500)
    else:
        folder.chmod(0o700)
    with pytest.raises(CrmUnavailable, match=r"cannot be used by .*: set data_folder to a folder"):
        EmbeddedPostgres(folder / "postgres").start()
    folder.chmod(0o755)


def test_a_folder_of_another_version_is_one_sentence(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", durable=False)
    with server:
        pass
    (server.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(CrmUnavailable, match=r"does not start: .*not compatible|does not start: .*incompatible"):
        server.start()


def test_the_address_of_the_settings_wins(folder: Path) -> None:
    with database_address(read_settings(database_url="postgresql://db/kefu", data_folder=folder)) as address:
        assert address == "postgresql://db/kefu"
    assert list(folder.iterdir()) == []
