"""A history of queue_log becomes reconstructed rows: the same ones each time, and never in the place of seen ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from ledger_rows import rows

from crm.cli import main

T = 1795306000
NODE = "n1"
HISTORY = "\n".join(
    [
        f"{T}|NONE|NONE|NONE|QUEUESTART|",
        f"{T + 1}|90.1|support|Amy|COMPLETEAGENT|3|40|1",
        f"{T + 10}|100.1|support|NONE|ENTERQUEUE||13800138000|1|王芳",
        f"{T + 18}|100.1|support|PJSIP/1002|RINGNOANSWER|8000",
        f"{T + 22}|100.1|support|PJSIP/1001|CONNECT|12|100.3|2",
        f"{T + 50}|100.1|support|PJSIP/1001|COMPLETECALLER|12|28|1",
        f"{T + 60}|101.1|support|NONE|ENTERQUEUE||13800138001|1",
        f"{T + 90}|101.1|support|NONE|EXITWITHTIMEOUT|1|1|30",
        f"{T + 90}|101.1|reception|NONE|ENTERQUEUE||13800138001|1",
        f"{T + 95}|101.1|reception|PJSIP/1001|RINGCANCELED|4000",
        f"{T + 95}|101.1|reception|NONE|ABANDON|1|1|5",
        f"{T + 99}|102.1|sup",
        f"{T + 100}|103.1|support|NONE|ENTERQUEUE||13800138003|1",
        f"{T + 101}|103.1|support|PJSIP/1001|CONNECT|1|103.2|1",
        f"{T + 131}|103.1|support|PJSIP/1001|BLINDTRANSFER|1002|internal|1|30|1",
        f"{T + 140}|104.1|support|NONE|ENTERQUEUE||13800138004|1",
        f"{T + 150}|NONE|NONE|NONE|QUEUESTART|",
        f"{T + 160}|105.1|support|NONE|ENTERQUEUE||13800138005|1",
        f"{T + 161}|105.1|support|NONE|ABAN",
    ]
)
ALL = "SELECT * FROM {} ORDER BY id"
TABLES = ("conversation", "wait", "offer", "segment", "transfer")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    file = tmp_path / "queue_log"
    file.write_text(HISTORY, encoding="utf-8")
    return file


def kefu_import(url: str, *files: Path, more: tuple[str, ...] = ("--json",)) -> Result:
    command = ["queue-log", "import", *map(str, files), "--node", NODE, "--database-url", url, *more]
    return CliRunner().invoke(main, command)


def everything(url: str) -> list[list[tuple[object, ...]]]:
    return [rows(url, ALL.format(f'"{table}"')) for table in TABLES]


def test_calls_become_rows(database_url: str, history: Path) -> None:
    told = json.loads(kefu_import(database_url, history).stdout)
    counts = {name: told[name] for name in ("calls", "added", "already", "seen_live", "begun_before", "unfinished")}
    assert counts == {"calls": 5, "added": 5, "already": 0, "seen_live": 0, "begun_before": 1, "unfinished": 1}
    assert rows(
        database_url,
        "SELECT caller, caller_name, extract(epoch FROM started_at)::int - 1795306000, "
        "extract(epoch FROM ended_at)::int - 1795306000, outcome, ended_by, reconstructed FROM conversation ORDER BY 3",
    ) == [
        ("13800138000", "王芳", 10, 50, "answered", "caller", True),
        ("13800138001", None, 60, 95, "abandoned", "caller", True),
        ("13800138003", None, 100, 131, "answered", "unknown", True),
        ("13800138004", None, 140, 140, "lost_sight", "unknown", True),
    ]
    assert rows(database_url, "SELECT queue, outcome FROM wait ORDER BY entered_at, queue DESC") == [
        ("support", "answered"),
        ("support", "timeout"),
        ("reception", "abandoned"),
        ("support", "answered"),
        ("support", "lost_sight"),
    ]
    rings = "SELECT seat, outcome, extract(epoch FROM ended_at - started_at)::int FROM offer ORDER BY ended_at"
    assert rows(database_url, rings) == [
        ("PJSIP/1002", "no_answer", 8),
        ("PJSIP/1001", "answered", 2),
        ("PJSIP/1001", "caller_left", 4),
        ("PJSIP/1001", "answered", 1),
    ]
    assert rows(
        database_url, "SELECT seat, extract(epoch FROM ended_at - started_at)::int FROM segment ORDER BY 2"
    ) == [
        ("PJSIP/1001", 28),
        ("PJSIP/1001", 30),
    ]
    assert rows(database_url, 'SELECT kind, from_seat, "to" FROM transfer') == [("blind", "PJSIP/1001", "1002")]


def test_half_and_bad_lines_are_counted_and_named(database_url: str, history: Path) -> None:
    told = json.loads(kefu_import(database_url, history).stdout)["bad_lines"]
    assert told["count"] == 2
    assert [(fault["line"], fault["text"]) for fault in told["named"]] == [
        (12, f"{T + 99}|102.1|sup"),
        (19, f"{T + 161}|105.1|support|NONE|ABAN"),
    ]
    said = kefu_import(database_url, history, more=()).stderr
    assert "queue_log:12: 3 columns, at least 5 are needed (a line cut short?)" in said
    assert "2 lines could not be read" in said
    assert said.splitlines()[-1].startswith("17 lines, 5 calls: 0 stays added (0 rows), 5 already there")


def test_a_second_reading_changes_nothing(database_url: str, history: Path) -> None:
    kefu_import(database_url, history)
    before = everything(database_url)
    again = json.loads(kefu_import(database_url, history).stdout)
    assert (again["added"], again["rows"], again["already"]) == (0, 0, 5)
    assert everything(database_url) == before


def test_rows_seen_live_are_left_as_they_are(database_url: str, history: Path) -> None:
    call, wait = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
    at = datetime.fromtimestamp(T + 10.4, UTC)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO conversation (id, node, linkedid, direction, started_at, outcome, reconstructed) "
            "VALUES (%s, %s, '100.0', 'inbound', %s, 'voicemail', false)",
            (call, NODE, at),
        )
        connection.execute(
            "INSERT INTO wait (id, conversation_id, node, queue, caller_uniqueid, entered_at, outcome, reconstructed) "
            "VALUES (%s, %s, %s, 'support', '100.1', %s, 'timeout', false)",
            (wait, call, NODE, at),
        )
    told = json.loads(kefu_import(database_url, history).stdout)
    assert (told["seen_live"], told["added"]) == (1, 4)
    seen = "SELECT id::text, linkedid, outcome FROM conversation WHERE NOT reconstructed"
    assert rows(database_url, seen) == [(call, "100.0", "voicemail")]
    seen = "SELECT id::text, outcome FROM wait WHERE caller_uniqueid = '100.1'"
    assert rows(database_url, seen) == [(wait, "timeout")]
    assert rows(database_url, "SELECT count(*) FROM segment WHERE caller_uniqueid = '100.1'") == [(0,)]


def test_what_was_imported_agrees_with_the_file_it_came_from(database_url: str, history: Path) -> None:
    kefu_import(database_url, history)
    command = ["report", "reconcile", "--queue-log", str(history), "--node", NODE, "--database-url", database_url]
    ended = CliRunner().invoke(main, [*command, "--json"])
    told = json.loads(ended.stdout)
    assert (ended.exit_code, told["unexplained"]) == (0, 0)
    assert told["by_reason"] == {"before_first_sight": 2, "asterisk_stopped": 1}


def test_rotated_and_packed_files_are_read_as_one(database_url: str, history: Path, tmp_path: Path) -> None:
    import gzip

    lines = HISTORY.splitlines(keepends=True)
    older, newer = tmp_path / "queue_log.1.gz", tmp_path / "queue_log.0"
    older.write_bytes(gzip.compress("".join(lines[:4]).encode()))
    newer.write_text("".join(lines[4:]), encoding="utf-8")
    whole = json.loads(kefu_import(database_url, history).stdout)
    again = json.loads(kefu_import(database_url, older, newer).stdout)
    assert (again["already"], again["added"]) == (whole["added"], 0)


def test_a_tables_dump_is_read_in_its_zone(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "dump"
    file.write_text(
        "2026-11-22 08:06:40.500000|1.1|q|NONE|ENTERQUEUE||1|1\n2026-11-22 08:06:45.250000|1.1|q|NONE|ABANDON|1|1|5\n"
    )
    assert kefu_import(database_url, file, more=("--tz", "Asia/Shanghai")).exit_code == 0
    assert rows(database_url, "SELECT extract(epoch FROM entered_at)::float8 FROM wait") == [(T + 0.5,)]


def test_names_that_postgres_refuses_are_taken_in_another_spelling(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "queue_log"
    file.write_bytes(
        f"{T}|1.1|q|NONE|ENTERQUEUE||".encode() + b"\xe9\x00|1\n" + f"{T + 1}|1.1|q|NONE|ABANDON|1|1|1\n".encode()
    )
    assert kefu_import(database_url, file).exit_code == 0
    assert rows(database_url, "SELECT caller FROM conversation") == [("\ufffd\ufffd",)]


def test_a_packed_file_that_is_cut_is_one_sentence(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "queue_log.gz"
    file.write_bytes(b"\x1f\x8b nonsense")
    ended = kefu_import(database_url, file)
    assert ended.exit_code == 1
    assert ended.stderr.count("\n") == 1
    assert "queue_log.gz" in ended.stderr
