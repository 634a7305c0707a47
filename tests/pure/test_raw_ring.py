"""The raw ring: bounded, scrubbed, never in the reader's way; and what `kefu bridge tail` shows of it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from ami_stream import T0, block
from click.testing import CliRunner, Result

from ami_bridge import raw_ring
from ami_bridge.cli import bridge
from ami_bridge.framing import Banner, Framing, Torn
from ami_bridge.inbox import Connected, Heard
from ami_bridge.raw_ring import RawRing, ring_files, ring_folder
from ami_bridge.ring_reading import RingReader, Wanted, understood
from ami_bridge.scrubbing import TAIL_AT_MOST, Scrubber, scrub

NUMBER, NAME = "13800138000", "王芳"
END = b"\r\n\r\n"


def called(number: int) -> bytes:
    call = f"1700000000.{number}"
    return block(
        "AgentCalled",
        at=number / 10,
        Channel=f"PJSIP/trunk-{number:08x}",
        CallerIDNum=NUMBER,
        CallerIDName=NAME,
        Linkedid=call,
        Uniqueid=call,
        Queue="support",
        Interface="PJSIP/201",
    )


def heard(data: bytes) -> Heard:
    blocks = data.split(END)[:-1]
    return Heard(T0, list(blocks), len(data))


async def written(ring: RawRing, *chunks: bytes) -> None:
    for chunk in chunks:
        ring.hear(heard(chunk))
    await ring.close()


def whole(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in ring_files(folder))


async def test_what_was_heard_is_on_disk_without_the_people(tmp_path: Path) -> None:
    folder = ring_folder(tmp_path, "asterisk1")
    ring = RawRing(folder, 64, say=print)
    running = asyncio.ensure_future(ring.run())
    for number in range(50):
        ring.hear(heard(called(number) + END))
    async with asyncio.timeout(5):
        while whole(folder).count(END) < 50:  # noqa: ASYNC110 - a file gives no event
            await asyncio.sleep(0.01)
    running.cancel()
    await ring.close()
    kept = whole(folder)
    assert NUMBER.encode() not in kept
    assert NAME.encode() not in kept
    assert kept.count(END) == 50
    assert kept.count(b"Linkedid: 1700000000.") == 50
    assert b"Channel: PJSIP/trunk-00000010\r\n" in kept
    (file,) = ring_files(folder)
    assert file.stat().st_mode & 0o077 == 0, "for its own account alone"
    assert folder.stat().st_mode & 0o077 == 0


async def test_the_oldest_goes_when_the_ring_is_full_and_each_file_is_whole_messages(tmp_path: Path) -> None:
    ring = RawRing(tmp_path, 1, say=print)
    for batch in range(12):
        await written(ring, b"".join(called(batch * 1000 + number) + END for number in range(800)))
        assert sum(file.stat().st_size for file in ring_files(tmp_path)) <= 1_100_000
    kept = whole(tmp_path)
    assert b"Linkedid: 1700000000.11799\r\n" in kept
    assert b"Linkedid: 1700000000.5\r\n" not in kept
    for file in ring_files(tmp_path):
        assert file.read_bytes().startswith(b"Event: AgentCalled\r\n")
        assert file.read_bytes().endswith(END)


async def test_a_second_life_goes_on_beside_the_files_of_the_first(tmp_path: Path) -> None:
    await written(RawRing(tmp_path, 64, say=print), called(1) + END)
    await written(RawRing(tmp_path, 64, say=print), called(2) + END)
    assert len(ring_files(tmp_path)) == 2
    assert [message.at for message in RingReader(tmp_path, Wanted()).last(9)] == [T0 + 0.1, T0 + 0.2]


async def test_a_folder_that_cannot_be_written_is_told_once_and_the_reader_goes_on(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("in the way")
    said: list[str] = []
    ring = RawRing(tmp_path / "raw" / "n", 64, say=said.append)
    for number in range(3):
        ring.hear(heard(called(number) + END))
        await ring.close()
    assert len(said) == 1
    assert "raw_ring_megabytes = 0" in said[0]


async def test_a_disk_that_stands_still_costs_no_more_than_a_bounded_backlog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_ring, "_BACKLOG_AT_MOST", 10_000)
    ring = RawRing(tmp_path, 64, say=print)
    chunk = called(1) + END
    for _ in range(1000):
        ring.hear(heard(chunk))
    assert ring._gathered < 11_000
    await ring.close()
    assert b"Event: KefuLeftOut\r\nBytes: " in whole(tmp_path)
    await written(ring, called(2) + END)
    blocks = Framing(frozenset({b"AgentCalled", b"KefuLeftOut"})).feed(whole(tmp_path))
    assert blocks[-1] == scrub(called(2) + END, ring._scrubber._key)[: -len(END)]


def test_a_block_without_an_end_costs_no_memory() -> None:
    scrubber = Scrubber()
    given = sum(len(scrubber.scrub(b"Number: 13800138000\r\n" * 50)) for _ in range(2000))
    given += sum(len(scrubber.scrub(b"9" * 5000)) for _ in range(500))
    assert len(scrubber._tail) <= TAIL_AT_MOST
    assert given + len(scrubber.rest()) == 2000 * 50 * 21 + 500 * 5000


def test_scrubbing_takes_numbers_wherever_they_stand_and_leaves_times_and_ids() -> None:
    kept = (
        "Timestamp: 1795302178.123456|Uniqueid: pbx-1795302178.1234567|LastCall: 1795302178|Channel: PJSIP/1-00001234|"
        "RoundtripUsec: 1234567|Address: 192.168.100.200|Priority: 1|Exten: 95000"
    )
    lost = (
        "CallerIDNum: +8613800138000|URI: sip:13800138000@10.0.0.1|Line: 010-88886666|Value: 13800138000.|"
        "Data: Local/13800138000@out/n|DestCallerIDName: 王芳|ConnectedLineName: 13800138000"
    )
    clean = scrub("\r\n".join(f"{kept}|{lost}".split("|")).encode() + END, b"key").decode()
    lines = clean.strip().split("\r\n")
    assert lines[: kept.count("|") + 1] == kept.split("|")
    for gone in ("13800138000", "88886666", "王芳"):
        assert gone not in clean
    assert lines[-1].startswith("ConnectedLineName: Name ")
    uri, data = lines[9], lines[12]
    assert uri.partition("sip:")[2][:11] == data.partition("Local/")[2][:11], "the same number is the same other one"


# ---- tail


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring as a bridge left it."""
    monkeypatch.setenv("KEFU_DATA_FOLDER", str(tmp_path))
    monkeypatch.setenv("KEFU_TIMEZONE", "UTC")
    folder = ring_folder(tmp_path, "asterisk1")
    paused = block("QueueMemberPause", at=9, Queue="support", Interface="PJSIP/201", Paused=1, PausedReason="ACW")
    data = b"".join(each + END for each in (*(called(number) for number in range(30)), paused))
    data += block("UserEvent", at=10, UserEvent="\x1b[2J\x07evil", Linkedid="1700000000.5") + END
    ring = RawRing(folder, 64, say=print)
    ring.hear(Connected(T0, "11.0.0"))
    asyncio.run(written(ring, data))
    return folder


def tail(*arguments: str) -> Result:
    return CliRunner().invoke(bridge, ["tail", "--no-follow", *arguments])


def test_tail_shows_a_line_a_message_with_what_matters(kept: Path) -> None:
    told = tail("--last", "3")
    assert told.exit_code == 0, told.output
    rung, paused, said = told.stdout.splitlines()
    assert rung.startswith("22:13:22.900  AgentCalled")
    assert rung.endswith("Queue support · Interface PJSIP/201 · Channel PJSIP/trunk-0000001d · Linkedid 1700000000.29")
    assert "Paused 1 · PausedReason ACW" in paused
    assert "\x1b" not in said
    assert "evil" in said


def test_tail_picks_by_event_and_by_call(kept: Path) -> None:
    assert len(tail("--event", "agent*", "--last", "99").stdout.splitlines()) == 30
    assert len(tail("--event", "QueueMemberPause", "--event", "UserEvent").stdout.splitlines()) == 2
    of_a_call = tail("--call", "1700000000.5").stdout.splitlines()
    assert [line.split()[1] for line in of_a_call] == ["AgentCalled", "UserEvent"]
    assert tail("--call", "1700000000.5", "--event", "AgentCalled").stdout.count("\n") == 1
    assert len(tail().stdout.splitlines()) == 20
    assert "Connected" in tail("--last", "999").stdout.splitlines()[0]


def test_tail_as_json_and_with_all_headers(kept: Path) -> None:
    told = [json.loads(line) for line in tail("--json", "--last", "2").stdout.splitlines()]
    assert told[0]["event"] == "QueueMemberPause"
    assert told[0]["at"] == T0 + 9
    assert told[0]["headers"]["PausedReason"] == "ACW"
    shown = tail("--raw-fields", "--event", "QueueMemberPause").stdout.splitlines()
    assert shown[0] == "22:13:29.000  QueueMemberPause"
    assert "    PausedReason: ACW" in shown


def test_tail_follows_what_is_written_over_the_change_of_files(kept: Path) -> None:
    reader = RingReader(kept, Wanted(("AgentCalled",)))
    assert len(reader.last(5)) == 5
    assert list(reader.more()) == []
    (first,) = ring_files(kept)
    half = called(31) + END + called(32)[:40]
    with first.open("ab") as stream:
        stream.write(half)
    assert [message.at for message in reader.more()] == [T0 + 3.1]
    with first.open("ab") as stream:
        stream.write(called(32)[40:] + END)
    (kept / "30000101T000000.000000Z.ami").write_bytes(called(33) + END)
    assert [message.at for message in reader.more()] == [T0 + 3.2, T0 + 3.3]
    first.unlink()
    assert list(reader.more()) == []


def test_tail_goes_on_while_a_bridge_writes(kept: Path) -> None:
    """Nothing is missed or told twice while files are written, changed and dropped."""
    reader, told = RingReader(kept, Wanted(("AgentCalled",))), []
    reader.last(0)
    ring = RawRing(kept, 64, say=print)

    async def write() -> None:
        for number in range(100, 400):
            await written(ring, called(number) + END)

    writing = Thread(target=lambda: asyncio.run(write()))
    writing.start()
    while writing.is_alive():
        told += list(reader.more())
    told += list(reader.more())
    assert [message.at for message in told] == [pytest.approx(T0 + number / 10) for number in range(100, 400)]


def test_tail_without_a_ring_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_DATA_FOLDER", str(tmp_path))
    told = tail("--node", "other")
    assert told.exit_code == 1
    assert isinstance(told.exception, SystemExit) or "raw_ring_megabytes" in str(told.exception)
    assert "raw_ring_megabytes" in told.output + str(told.exception)


def test_a_message_of_any_bytes_can_be_shown() -> None:
    for raw in (b"\xff\xfe", b"Event: X\r\nTimestamp: 9e99", b"Event: \x1b]0;x\x07", b"\r\n: ", os.urandom(500)):
        line = understood(raw).line(ZoneInfo("UTC"))
        assert all(sign.isprintable() for sign in line), line


async def test_a_replay_of_the_ring_begins_a_life_where_the_bridge_connected(tmp_path: Path) -> None:
    ring = RawRing(tmp_path, 64, say=print)
    for _ in range(2):
        ring.hear(Connected(T0, "11.0.0"))
        torn = Torn("a line above 65536 bytes", b"Event: X\r\n\r\n13800138000")
        ring.hear(Heard(T0, [called(1), torn], 10))
    await ring.close()
    blocks = Framing(frozenset({b"AgentCalled"})).feed(whole(tmp_path))
    assert [block for block in blocks if isinstance(block, Banner)] == [Banner("11.0.0")] * 2
    assert whole(tmp_path).count(END) == 6, "a torn piece is one block, whatever it holds"
    assert b"13800138000" not in whole(tmp_path)
