"""Ledger, queue_log and CEL of the same real calls: nothing is unexplained, and a planted lie is named."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import psycopg
import pytest
from click.testing import CliRunner, Result
from floor_watch import Watch, member
from postgres_server import Databases
from sip_phones import SippCaller, SippSeat
from test_bridge import bridging, rows, seen

from crm.cli import main
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile

LOCAL = "Local/81@sandbox-agents/n"


def answered_rung_and_abandoned(sandbox: Sandbox) -> None:
    """A seat that rejects and another that answers; a caller who gives up."""
    deaf, seat = SippSeat(sandbox, "1003", ring_s=0.5, rejects=True), SippSeat(sandbox, "1001", ring_s=0.7)
    with deaf, seat, member(sandbox, "reception", deaf.interface):
        with SippCaller(sandbox, "13800138101", stay_s=4.5) as caller, Watch(sandbox, "13800138101") as watch:
            watch.until("AgentRingNoAnswer")
            with member(sandbox, "reception", seat.interface):
                caller.wait()
        with SippCaller(sandbox, "13800138102", stay_s=1.5) as caller:
            caller.wait()


def handed_over(sandbox: Sandbox, action: str, number: str, *, first_talks_s: float, stay_s: float) -> None:
    """The first agent hands the caller to 1002."""
    seat, target = (
        SippSeat(sandbox, "1001", ring_s=0.3, talk_s=first_talks_s),
        SippSeat(sandbox, "1002", ring_s=0.3, talk_s=8),
    )
    with ExitStack() as stack:
        for each in (seat, target, member(sandbox, "reception", seat.interface)):
            stack.enter_context(each)
        watch = stack.enter_context(Watch(sandbox, number))
        caller = stack.enter_context(SippCaller(sandbox, number, stay_s=stay_s))
        channel = watch.until("AgentConnect")["DestChannel"]
        time.sleep(1.2)  # the first talk's length: queue_log counts whole seconds
        with sandbox.ami(sandbox.actor) as actor:
            actor.ask({"Action": action, "Channel": channel, "Context": "internal", "Exten": "1002"})
        caller.wait()


def handed_over_twice(sandbox: Sandbox) -> None:
    """Blind, then after a consult of some seconds."""
    handed_over(sandbox, "BlindTransfer", "13800138103", first_talks_s=60, stay_s=8)
    handed_over(sandbox, "Atxfer", "13800138104", first_talks_s=5, stay_s=14)


def local_members_and_no_queue(sandbox: Sandbox) -> None:
    """A Local member who hands over unseen by queue_log; a queue that lets nobody in; a call without a queue, by
    somebody who hides their number."""
    talk = {"__SANDBOX_RING_S": "0.3", "__SANDBOX_TALK_S": "3"}
    with member(sandbox, "reception", LOCAL), Watch(sandbox, "13800138105") as watch:
        sandbox.originate_local(CallFile(number="13800138105", stay_s=20, variables=talk))
        watch.until("QueueLeft")  # AgentComplete may lack the caller, where all legs go at once
    with SippCaller(sandbox, "13800138106", stay_s=2) as caller:
        caller.wait()
    sandbox.cli('dialplan add extension "701,1,Dial(PJSIP/1001,4)" into from-trunk replace')
    with SippSeat(sandbox, "1001", ring_s=0.3, talk_s=1), SippCaller(sandbox, "anonymous", dialled="701") as caller:
        caller.wait()


def reconcile(url: str, sandbox: Sandbox, since: str, *more: str) -> Result:
    files = ("--queue-log", str(sandbox.queue_log_file), "--cel", str(sandbox.cel_file))
    return CliRunner().invoke(main, ["report", "reconcile", *files, "--from", since, "--database-url", url, *more])


@pytest.fixture(scope="module")
def played(sandbox: Sandbox, databases: Databases, template_url: str) -> Iterator[tuple[str, str]]:
    """A ledger of real calls, and the moment before the first of them."""
    url = databases.create(template_url)
    with ExitStack() as undo:
        undo.callback(databases.drop, url)
        time.sleep(1.1)  # queue_log's seconds: what came before is in another one
        since = asyncio.run(_play(sandbox, url))
        yield url, since


async def _play(sandbox: Sandbox, url: str) -> str:
    async with bridging(url, sandbox):
        since = f"{datetime.now(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M:%S}"
        for scene in (answered_rung_and_abandoned, handed_over_twice, local_members_and_no_queue):
            await asyncio.to_thread(scene, sandbox)
        await seen(url, "SELECT count(*) FROM conversation WHERE ended_at IS NULL", [(0,)])
        await asyncio.sleep(2.5)  # an ended call's last words
    return since


def test_a_caller_who_hides_is_no_number(played: tuple[str, str]) -> None:
    found = rows(played[0], "SELECT caller, outcome FROM conversation WHERE caller IS NULL OR caller !~ '^[0-9]+$'")
    assert found == [(None, "answered")]


def test_nothing_is_unexplained(played: tuple[str, str], sandbox: Sandbox) -> None:
    ended = reconcile(played[0], sandbox, played[1], "--json")
    told = json.loads(ended.stdout)
    assert [each for each in told["differences"] if each["reason"] == "unexplained"] == []
    assert ended.exit_code == 0
    assert told["compared"]["ledger"] == 7
    assert told["compared"]["cel"] == 7
    assert told["compared"]["queue_log"] == 5
    assert told["by_reason"]["join_failed_unlogged"] == 1
    assert told["by_reason"]["transfer_away_counted_as_talk"] == 1
    assert told["bad_lines"]["count"] == 0


@contextmanager
def planted(databases: Databases, url: str, lie: str) -> Iterator[str]:
    """A copy of the ledger with one lie in it."""
    copy = databases.create(url)
    with psycopg.connect(copy, autocommit=True) as connection:
        assert connection.execute(lie).rowcount == 1, lie
    yield copy
    databases.drop(copy)


LIES = {
    "an abandon called answered": (
        "UPDATE wait SET outcome = 'answered' WHERE outcome = 'abandoned'",
        [("queue_log", "outcome", "answered", "abandoned")],
    ),
    "a wait that never was": (
        (
            "INSERT INTO wait SELECT gen_random_uuid(), conversation_id, node, 'support', caller_uniqueid, 1, "
            "entered_at, left_at, 'timeout', false FROM wait WHERE outcome = 'abandoned'"
        ),
        [("queue_log", "wait", "support: timeout", None)],
    ),
    "a call that was forgotten": (
        "DELETE FROM conversation WHERE caller = '13800138106'",
        [("cel", "call", None, "PJSIP/trunk-")],
    ),
    "a talk of two minutes credited an hour": (
        "UPDATE segment SET ended_at = ended_at + interval '1 hour' WHERE seat LIKE 'Local/%'",
        [("cel", "talk of Local/81@sandbox-agents/n", "360", ""), ("queue_log", "talk_s", "360", "")],
    ),
    "a talk that nobody had": (
        (
            "DELETE FROM segment WHERE seat = 'PJSIP/1002' AND conversation_id = "
            "(SELECT id FROM conversation WHERE caller = '13800138104')"
        ),
        [("cel", "talk of PJSIP/1002", None, "")],
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_planted_lie_is_named(played: tuple[str, str], sandbox: Sandbox, databases: Databases, lie: str) -> None:
    change, expected = LIES[lie]
    with planted(databases, played[0], change) as url:
        ended = reconcile(url, sandbox, played[1], "--json")
        blind = rows(url, "SELECT from_at::text, to_at::text, why FROM blind_window ORDER BY from_at")
    assert ended.exit_code == 1, (ended.stdout, blind)
    unexplained = [each for each in json.loads(ended.stdout)["differences"] if each["reason"] == "unexplained"]
    assert len(unexplained) == len(expected)
    for found, (source, what, ledger, file) in zip(
        sorted(unexplained, key=lambda each: str(each["source"])), expected, strict=True
    ):
        assert (found["source"], found["what"]) == (source, what)
        assert (found["ledger"] or "").startswith(ledger or "")
        assert (found["file"] or "").startswith(file or "")


def test_a_person_reads_a_table_and_a_verdict(played: tuple[str, str], sandbox: Sandbox) -> None:
    ended = reconcile(played[0], sandbox, played[1])
    assert ended.exit_code == 0
    assert ended.stdout.splitlines()[0].split("\t") == ["reason", "at", "call", "source", "what", "ledger", "file"]
    assert "1 × join_failed_unlogged: a caller whom the queue did not let in" in ended.stderr
    assert ended.stderr.splitlines()[-1].endswith("differences, nothing is unexplained")


def explained(url: str, caller: str, *more: str) -> Result:
    with psycopg.connect(url) as connection:
        (identity,) = connection.execute("SELECT id::text FROM conversation WHERE caller = %s", (caller,)).fetchone()  # type: ignore[misc]
    return CliRunner().invoke(main, ["conversation", "explain", identity, "--database-url", url, *more])


def test_a_call_is_explained_by_what_asterisk_said(played: tuple[str, str]) -> None:
    """The attended transfer: each line of it stands on events of this call, and of no other."""
    told = json.loads(explained(played[0], "13800138104", "--json").stdout)
    lines = [(line["what"], line["text"].split(":")[0].split(",")[0]) for line in told["timeline"]]
    for expected in [
        ("arrived", "inbound"),
        ("joined queue", "reception"),
        ("rings", "PJSIP/1001 for reception"),
        ("talks", "PJSIP/1001"),
        ("transferred", "attended by PJSIP/1001 to PJSIP/1002"),
        ("talks", "PJSIP/1002"),
        ("ended", "answered"),
    ]:
        assert expected in lines
    times = [line["at"] for line in told["timeline"]]
    assert times == sorted(times)
    behind: dict[str, set[str]] = {}
    for line in told["timeline"]:
        behind.setdefault(line["what"], set()).update(dict(event["headers"])["Event"] for event in line["events"])
    assert "QueueCallerJoin" in behind["joined queue"]
    assert "AgentCalled" in behind["rings"]
    assert "AttendedTransfer" in behind["transferred"]
    assert "Hangup" in behind["ended"]
    headers = [dict(event["headers"]) for line in told["timeline"] for event in line["events"]]
    assert {each["CallerIDNum"] for each in headers if "trunk" in each.get("Channel", "")} <= {
        "13800138104",
        "<unknown>",
    }


def test_an_explanation_reads_as_a_table_with_or_without_the_events(played: tuple[str, str]) -> None:
    short = explained(played[0], "13800138102")
    assert short.exit_code == 0
    lines = [line.split("\t") for line in short.stdout.splitlines()]
    assert lines[0] == ["at", "what", "", "events"]
    assert ["joined queue", "reception, position 1", "QueueCallerJoin"] in [line[1:] for line in lines]
    assert any(line[1] == "ended" and line[2].startswith("abandoned, by caller") for line in lines), lines
    assert "messages of this call in the journal" in short.stderr
    whole = explained(played[0], "13800138102", "--events").stdout
    assert "  Event: QueueCallerJoin" in whole


def test_who_asks_for_an_unknown_call_is_told_where_the_ids_are(played: tuple[str, str]) -> None:
    command = ["conversation", "explain", "nonsense", "--database-url", played[0]]
    ended = CliRunner().invoke(main, command)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: there is no conversation 'nonsense'")
