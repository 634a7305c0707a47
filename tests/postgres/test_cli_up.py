"""`kefu up` from nothing to a page that answers, ended by Ctrl-C and by kill -9: nothing stays behind."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crm import chosen_ports


@contextmanager
def _up(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int, list[int]]]:
    """`kefu up` once its page is well: the process, the page's port, and handles on all that it started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = {**os.environ, "KEFU_DATA_FOLDER": str(folder), "KEFU_WEB_PORT": str(port)}
    command = [sys.executable, "-m", "crm.cli", "up", "--only", "web"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        said = []
        for line in up.stderr:
            said.append(line)
            if line.startswith("web is well"):
                break
        else:
            pytest.fail("kefu up ended early: " + "".join(said))
        server = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        pages = int(Path(f"/proc/{up.pid}/task/{up.pid}/children").read_text().split()[-1])
        handles = [os.pidfd_open(pid) for pid in (server, pages)]
        try:
            yield up, port, handles
        finally:
            up.kill()
            up.stderr.read()
            ended = [bool(select.select([handle], [], [], 20)[0]) for handle in handles]
            for handle in handles:
                os.close(handle)
            assert all(ended), "Postgres or the pages were left behind"


def test_ctrl_c_ends_everything_with_exit_code_0(folder: Path) -> None:
    with _up(folder) as (up, port, handles):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            assert answer.status == 200
        assert chosen_ports.read(folder) == {"web": port}
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
        assert not (folder / "up.json").exists()
        assert select.select(handles, [], [], 0)[0] == handles
    assert not (folder / "postgres" / "data" / "postmaster.pid").exists()


def test_a_killed_up_leaves_no_process_behind(folder: Path) -> None:
    with _up(folder) as (up, _, handles):
        up.kill()
        assert up.wait(30) == -signal.SIGKILL
        assert chosen_ports.read(folder) == {}, "what a dead one left is not believed"
        for handle in handles:
            assert select.select([handle], [], [], 20)[0]


def test_our_own_postgres_is_started_again_when_it_is_killed(folder: Path) -> None:
    with _up(folder) as (up, port, handles):
        server = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGKILL)
        assert up.stderr is not None
        assert next(line for line in up.stderr if "Postgres" in line) == "our own Postgres has ended: started again\n"
        assert next(line for line in up.stderr if "Postgres" in line) == "our own Postgres is well\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            assert answer.status == 200
        again = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        handles.append(os.pidfd_open(again))


def test_an_unknown_service_is_wrong_usage(database_url: str) -> None:
    command = [sys.executable, "-m", "crm.cli", "up", "--only", "nonsense", "--database-url", database_url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "'nonsense' is none of" in ended.stderr
