"""`kefu demo` as a newcomer meets it: a card pops, Ctrl-C leaves nothing, every bad start is one sentence."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from center import KEFU
from click.testing import CliRunner
from playwright.async_api import BrowserContext, Page, expect

from crm.cli import main
from crm.demo import ground
from crm.pbx import asterisk_root, lifeline

READY_WITHIN_S = 90


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder of the test's own."""
    with a_folder() as made:
        yield made


@pytest.fixture(scope="module")
def lived_in() -> Iterator[Path]:
    """A data folder that keeps what the tests before left there: only the first start makes a database."""
    with a_folder() as made:
        yield made


@contextmanager
def a_folder() -> Iterator[Path]:
    """One that the account Postgres runs as may enter; pytest's own is closed to it."""
    made = Path(tempfile.mkdtemp(prefix="kefu-demo-"))
    made.chmod(0o711)
    yield made
    assert processes_of(made) == [], "something outlived the demo"
    shutil.rmtree(made)


@pytest.mark.timeout(300)
async def test_cards_pop_for_the_newcomer_and_ctrl_c_leaves_nothing(lived_in: Path, context: BrowserContext) -> None:
    async with a_demo(lived_in) as (process, told):
        second = await asyncio.to_thread(run_demo, lived_in, web_port=free_port())
        assert second.returncode == 1
        assert "another demo runs in" in sentence(second)
        page = await context.new_page()
        await page.goto(told["desk"])
        await page.get_by_label("Login").fill(told["login"])
        await page.get_by_label("Password").fill(told["password"])
        await page.get_by_role("button", name="Sign in").click()
        await comes_to(page, "ringing", "wrapping_up")  # the newcomer may come in the middle of a call
        if await page.locator("[data-phase=wrapping_up]").count():
            await save_outcome(page)
            await comes_to(page, "ringing")
        await comes_to(page, "talking")
        await comes_to(page, "wrapping_up")
        await save_outcome(page)
        await comes_to(page, "ringing")
        process.send_signal(signal.SIGINT)
        out, _ = await asyncio.to_thread(process.communicate, None, 40)
        assert process.returncode == 0
    ended = json.loads(out.splitlines()[-1])
    assert ended["outcomes"].get("answered", 0) >= 1
    assert "now" not in ended["outcomes"], "no conversation is left open"


@pytest.mark.timeout(240)
async def test_a_demo_that_was_killed_starts_again_in_seconds_and_ends_by_itself(lived_in: Path) -> None:
    async with a_demo(lived_in) as (process, _):
        process.kill()
    began = time.monotonic()
    async with a_demo(lived_in, "--calls", "3", "--duration", "2") as (process, _):
        print(f"second start: ready after {time.monotonic() - began:.1f} s")
        out, _ = await asyncio.to_thread(process.communicate, None, 110)
        assert process.returncode == 0
    ended = json.loads(out.splitlines()[-1])
    assert ended["rung_in"] == 3
    assert sum(ended["outcomes"].values()) == 3


@pytest.mark.proof
async def test_a_first_start_killed_half_way_is_made_good_by_the_next(folder: Path) -> None:
    with start_demo(folder) as process:
        until = time.monotonic() + READY_WITHIN_S
        while not (folder / "demo/postgres/data.new").exists() and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        process.kill()
    await nothing_left(folder)
    async with a_demo(folder) as (again, _):
        again.send_signal(signal.SIGTERM)
        await asyncio.to_thread(again.communicate, None, 40)
        assert again.returncode == 0


def test_a_taken_port_is_one_sentence(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_demo(folder, web_port=port)
    assert refused.returncode == 1
    assert sentence(refused).startswith(f"Error: port {port} of 127.0.0.1 is taken by another program")
    assert not (folder / "demo/postgres").exists(), "refused before anything was made"


def test_a_full_disk_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "ROOM_NEEDED_MB", 10**9)
    monkeypatch.setenv("KEFU_DATA_FOLDER", str(folder))
    refused = CliRunner().invoke(main, ["demo"])
    assert refused.exit_code == 1
    assert f"{folder}/demo has" in refused.stderr
    assert "make room, or name another data_folder" in refused.stderr


def test_no_namespaces_is_one_sentence_and_nothing_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifeline, "namespace_command", lambda *_: ["false"])
    monkeypatch.setattr(asterisk_root, "_on_path", lambda *_: None)
    monkeypatch.setenv("KEFU_DATA_FOLDER", str(folder))
    monkeypatch.setenv("KEFU_WEB_PORT", str(free_port()))
    refused = CliRunner().invoke(main, ["demo"])
    assert refused.exit_code == 1
    assert "this user may not make a process namespace" in refused.stderr
    assert "install Debian's packages uidmap and mmdebstrap" in refused.stderr
    assert not (folder / "demo/postgres").exists()


def test_a_folder_that_cannot_be_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a file").touch()
    monkeypatch.setenv("KEFU_DATA_FOLDER", str(folder / "a file"))
    refused = CliRunner().invoke(main, ["demo"])
    assert refused.exit_code == 1
    assert "Not a directory" in refused.stderr


def test_a_real_centers_database_is_refused(folder: Path, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO node (name, fence) VALUES ('beijing-1', 1)")
    refused = run_demo(folder, database_url=database_url)
    assert refused.returncode == 1
    assert "belongs to a real call center (it knows the Asterisk 'beijing-1')" in sentence(refused)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM customer").fetchone() == (0,)


# ---- looking at it


async def comes_to(page: Page, *phases: str) -> None:
    """Wait until the newest card is in one of these phases."""
    await expect(page.locator(",".join(f"[data-phase={phase}]" for phase in phases))).to_have_count(1, timeout=60_000)


async def save_outcome(page: Page) -> None:
    await page.locator("label").filter(has_text="Solved").click()
    await page.get_by_label("Which case?").select_option("none:answered_at_once")
    await page.get_by_role("button", name="Save and finish").click()


# ---- running it


@asynccontextmanager
async def a_demo(folder: Path, *options: str) -> AsyncIterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """A demo that is ready, with what it told; killed at the end if the test did not end it."""
    process = start_demo(folder, *options)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), READY_WITHIN_S)
        assert line, (folder / "said").read_text()
        yield process, json.loads(line)
    finally:
        if process.poll() is None:
            process.kill()
        process.__exit__(None, None, None)  # closes the pipe and waits
        await nothing_left(folder)


def start_demo(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(
            [KEFU, "demo", "--json", *options],
            env=environment(folder, free_port(), None),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        )


def run_demo(
    folder: Path, *, web_port: int | None = None, database_url: str | None = None
) -> subprocess.CompletedProcess[str]:
    """One that is expected to end by itself."""
    settings = environment(folder, web_port or free_port(), database_url)
    return subprocess.run([KEFU, "demo"], env=settings, capture_output=True, text=True, timeout=60, check=False)


def environment(folder: Path, web_port: int, database_url: str | None) -> dict[str, str]:
    said = {"KEFU_DATA_FOLDER": str(folder), "KEFU_WEB_PORT": str(web_port)}
    return {**os.environ, **said, **({"KEFU_DATABASE_URL": database_url} if database_url else {})}


def sentence(ran: subprocess.CompletedProcess[str]) -> str:
    """The last line said; a trace is a failure."""
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.stderr.strip().splitlines()[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def nothing_left(folder: Path, within_s: float = 20) -> None:
    """Wait for the children of a killed demo to notice."""
    until = time.monotonic() + within_s
    while processes_of(folder) and time.monotonic() < until:  # noqa: ASYNC110 - not our own children
        await asyncio.sleep(0.1)
    assert processes_of(folder) == []


def processes_of(folder: Path) -> list[str]:
    """Whatever lives by this folder: by its command line, its environment or its working folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            if str(folder).encode() in command + (entry / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode(errors="replace")[:200])
        except OSError:
            continue  # gone meanwhile
    return found
