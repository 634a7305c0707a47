"""`kefu bridge` as its user meets it: exit codes, one sentence a fault, a clean stop, a taking-over, health."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bridge_process import BridgeProcess
from forged_asterisk import ForgedAsterisk, block, until
from forged_call import ForgedCall, listed_member


@pytest.fixture
async def peer() -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        forged.rows["QueueStatus"] = [("Event: QueueParams", "Queue: support", "Calls: 0"), listed_member()]
        yield forged


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


async def kefu(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `kefu …`; exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "crm.cli",
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_wrong_secret_ends_with_one_sentence_naming_the_setting(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path
) -> None:
    async with BridgeProcess(database_url, peer.port, tmp_path, secret="not this one") as process:
        assert await process.ended() == 1
    (sentence,) = process.said.strip().splitlines()
    assert "KEFU_AMI_SECRET" in sentence
    assert "manager.conf" in sentence
    assert "not this one" not in sentence
    assert rows(database_url, "SELECT lease_until <= clock_timestamp() FROM node") == [(True,)]


async def test_a_missing_secret_is_refused_before_anything_begins(database_url: str) -> None:
    code, out, err = await kefu("bridge", "run", "--database-url", database_url)
    assert (code, out) == (1, "")
    assert "KEFU_AMI_SECRET" in err
    assert err.count("\n") == 1


async def test_wrong_usage_is_exit_code_2(database_url: str) -> None:
    assert (await kefu("bridge", "run", "--no-such-option"))[0] == 2
    assert (await kefu("bridge", "replay", "no such file"))[0] == 2
    code, _, err = await kefu("bridge", "replay", __file__, "--speed", "fast", "--database-url", database_url)
    assert code == 2
    assert "neither max nor a number" in err


async def test_sigterm_writes_what_was_heard_and_ends_with_0(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path
) -> None:
    async with BridgeProcess(database_url, peer.port, tmp_path, write_linger_ms=60000) as process:
        session = await peer.session()
        await peer.action("DeviceStateList")
        ForgedCall(session).arrive()
        await peer.action("Ping")  # heard after the call: the process has read it
        await peer.action("Ping")
        assert await process.end(signal.SIGTERM) == 0
    assert rows(database_url, "SELECT caller FROM conversation") == [("13800138000",)]
    assert rows(database_url, "SELECT lost_at IS NOT NULL FROM node") == [(True,)]


async def test_a_second_bridge_waits_and_takes_over_at_once_when_the_first_is_killed(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    async with BridgeProcess(database_url, peer.port, tmp_path) as first:
        await peer.session()
        async with BridgeProcess(database_url, peer.port, tmp_path / "second") as second:
            await until(lambda: "watched by another bridge" in second.said, 20)
            assert peer.sessions.empty()
            await first.end(signal.SIGKILL)
            await peer.session(3)
            assert rows(database_url, "SELECT fence FROM node") == [(2,)]
            assert second.said.count("watched by another bridge") == 1


async def test_a_bridge_frozen_beyond_its_lease_ends_itself(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path
) -> None:
    async with BridgeProcess(database_url, peer.port, tmp_path) as process:
        session = await peer.session()
        await peer.action("DeviceStateList")
        process.process.send_signal(signal.SIGSTOP)
        rows(database_url, "UPDATE node SET fence = fence + 1, lease_holder = 'other' RETURNING 1")
        ForgedCall(session).whole()
        process.process.send_signal(signal.SIGCONT)
        assert await process.ended() == 1
    assert "another bridge watches the node" in process.said
    assert rows(database_url, "SELECT count(*) FROM conversation") == [(0,)]


async def test_health_tells_whether_it_can_work(peer: ForgedAsterisk, database_url: str, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with BridgeProcess(database_url, peer.port, tmp_path, bridge_health_port=port):
        await peer.session()
        await peer.action("DeviceStateList")
        status, body = await get(port, "/healthz")
        assert (status, body["ok"], body["in_sight"], body["node"]) == (200, True, True, "asterisk1")
        status, body = await get(port, "/readyz")
        assert (status, body["ok"]) == (200, True)
        await peer.close_door()
        await asyncio.sleep(0.3)
        status, body = await get(port, "/readyz")
        assert (status, body["ok"]) == (503, False)
        assert "not in sight" in body["why"]
        assert (await get(port, "/healthz"))[0] == 200


async def get(port: int, path: str) -> tuple[int, dict[str, Any]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), json.loads(body)


async def test_a_recording_holds_what_was_sent_without_numbers_and_names(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "new.ami"
    recording = asyncio.ensure_future(
        kefu(
            "bridge",
            "record",
            str(file),
            "--seconds",
            "1.5",
            KEFU_AMI_PORT=str(peer.port),
            KEFU_AMI_SECRET="right",
        )
    )
    session = await peer.session(20)
    await peer.action("DeviceStateList")
    session.send(block("Event: VarSet", "Variable: X"))
    ForgedCall(session).whole()
    code, out, err = await recording
    assert (code, out) == (0, ""), err
    recorded = file.read_bytes()
    assert recorded.startswith(b"Asterisk Call Manager/11.0.0\r\nResponse: Success")
    assert b"Event: VarSet\r\n" in recorded
    assert b"13800138000" not in recorded
    assert "王".encode() not in recorded
    code, out, err = await kefu("bridge", "replay", str(file), "--json", "--database-url", database_url)
    assert code == 0, err
    assert rows(database_url, "SELECT outcome FROM conversation") == [("answered",)]
    assert (await kefu("bridge", "record", str(file), KEFU_AMI_SECRET="right"))[0] == 1
