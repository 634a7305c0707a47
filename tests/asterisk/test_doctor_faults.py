"""Faults planted one at a time on the real parts: does the doctor name each, and the command that mends it?

One call center for all of them; every fault is taken back before the next one. What the doctor says is read as JSON
from the real command.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import yaml
from center import KEFU, Center

from crm.database import Database
from crm.doctor.hops import HOPS, with_test_call
from crm.doctor.rounds import Round, walk
from crm.pbx.render import source_folder

pytestmark = pytest.mark.timeout(300)

Findings = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every prompt in both languages, silent: the doctor cares that they are there."""
    folder = tmp_path_factory.mktemp("prompts")
    keys = yaml.safe_load((source_folder() / "prompts" / "prompts.yaml").read_text(encoding="utf-8"))
    for language in ("en", "zh"):
        (folder / language).mkdir()
        for key in keys:
            with wave.open(str(folder / language / f"{key}.wav"), "wb") as sound:
                sound.setparams((1, 2, 8000, 0, "NONE", ""))
                sound.writeframes(b"\0\0" * 80)
    return folder


@pytest.fixture(scope="module")
async def center(
    tmp_path_factory: pytest.TempPathFactory, databases: Any, template_url: str, prompts: Path
) -> AsyncIterator[Center]:
    url = databases.create(template_url)
    async with Center(tmp_path_factory.mktemp("c"), url, prompts=prompts, worker=True) as running:
        running.sandbox.cli("queue add member Local/1001@sandbox-agents/n to support")
        yield running
    databases.drop(url)


async def command(center: Center, **settings: str) -> tuple[int, Findings]:
    """`kefu doctor --json` with some settings changed: its exit code, and its findings by hop."""
    environment = {**center.environment, **{f"KEFU_{name.upper()}": value for name, value in settings.items()}}
    ran = await asyncio.to_thread(
        subprocess.run, [KEFU, "doctor", "--json"], env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ran.stderr
    told = json.loads(ran.stdout)
    assert told["ok"] is (ran.returncode == 0)
    for secret in (center.sandbox.reader.secret, center.sandbox.actor.secret):
        assert secret not in ran.stdout + ran.stderr
    return ran.returncode, {finding["hop"]: finding for finding in told["findings"]}


def said_to(center: Center) -> dict[str, object]:
    """The center's settings, by name."""
    said = {key[5:].lower(): value for key, value in center.environment.items() if key.startswith("KEFU_")}
    return {name: value for name, value in said.items() if name != "config"}


async def look(center: Center, **settings: str) -> Findings:
    """The same round in this process, which is quicker."""
    begun = time.monotonic()
    found = await walk(HOPS, Round("kefu.toml", {**said_to(center), **settings}))
    assert time.monotonic() - begun < 10, "a round takes less than ten seconds, whatever is broken"
    return {finding.hop: msgspec.to_builtins(finding) for finding in found}


def named(findings: Findings, hop: str, fault: str, mend: str) -> None:
    """This hop is broken by this fault, its remedy holds `mend`, and no other hop is called broken."""
    assert findings[hop]["state"] == "broken", findings[hop]
    assert findings[hop]["fault"] == fault
    assert mend in findings[hop]["mend"]
    assert findings[hop]["why"]
    others = [name for name, finding in findings.items() if finding["state"] == "broken" and name != hop]
    assert others == []


def not_checked(findings: Findings) -> set[str]:
    return {name for name, finding in findings.items() if finding["state"] == "not_checked"}


@contextmanager
def edited(file: Path, old: str, new: str) -> Iterator[None]:
    """The file with something else in it, for a while; `old` is a regular expression."""
    text = file.read_text(encoding="utf-8")
    changed = re.sub(old, new, text, flags=re.MULTILINE)
    assert changed != text, f"{old} is not in {file.name}"
    file.write_text(changed, encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(text, encoding="utf-8")


@contextmanager
def reconfigured(center: Center, name: str, old: str, new: str, reload: str) -> Iterator[None]:
    """A file of Asterisk's own configuration changed and taken up, and taken back."""
    try:
        with edited(center.sandbox.folder / "etc" / name, old, new):
            center.sandbox.cli(reload)
            yield
    finally:
        center.sandbox.cli(reload)


async def test_a_whole_center_is_well(center: Center) -> None:
    code, findings = await command(center)
    assert {finding["hop"]: finding["said"] for finding in findings.values() if finding["state"] != "ok"} == {}
    assert code == 0
    assert list(findings) == [hop.name for hop in HOPS]


async def test_the_ear_test_is_no_conversation(center: Center) -> None:
    await look(center)
    database = Database(center.database_url)
    try:
        async with database.reading() as session:
            connection = await session.connection()
            count = (await connection.exec_driver_sql("SELECT count(*) FROM conversation")).scalar_one()
    finally:
        await database.close()
    assert count == 0


async def test_the_database_is_away(center: Center) -> None:
    findings = await look(center, database_url="postgresql://kefu@127.0.0.1:1/kefu")
    named(findings, "database", "database-away", "systemctl start postgresql")
    assert not_checked(findings) == {"tables", "bridge", "callbacks", "named queues"}


async def test_our_own_postgres_does_not_run(center: Center, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    environment = {**center.environment, "KEFU_DATA_FOLDER": str(folder)}
    del environment["KEFU_DATABASE_URL"]
    ran = await asyncio.to_thread(
        subprocess.run, [KEFU, "doctor", "--json"], env=environment, capture_output=True, text=True, check=False
    )
    finding = next(each for each in json.loads(ran.stdout)["findings"] if each["hop"] == "database")
    assert (finding["fault"], "kefu up" in finding["mend"]) == ("own-database-away", True)
    assert not os.path.exists(folder), "a doctor starts no server"  # noqa: ASYNC240, PTH110 - a look, not a wait


async def test_the_tables_are_old(center: Center, databases: Any) -> None:
    empty = databases.create()
    try:
        findings = await look(center, database_url=empty)
    finally:
        databases.drop(empty)
    named(findings, "tables", "tables-old", "kefu db upgrade")


async def test_the_ami_port_is_wrong(center: Center) -> None:
    findings = await look(center, ami_port="1")
    named(findings, "asterisk", "ami-away", "ami_port in")
    assert "reader" in not_checked(findings)


async def test_something_else_answers_on_the_ami_port(center: Center) -> None:
    findings = await look(center, ami_port=str(center.sandbox.agi_port))
    assert findings["asterisk"]["fault"] in ("ami-frozen", "ami-stranger")


async def test_the_readers_secret_is_wrong(center: Center) -> None:
    findings = await look(center, ami_secret="wrong")
    named(findings, "reader", "reader-refused", "set ami_username and ami_secret")
    assert findings["actor"]["state"] == "ok"


async def test_the_actors_secret_is_wrong(center: Center) -> None:
    findings = await look(center, ami_actor_secret="wrong")
    named(findings, "actor", "actor-refused", "set ami_actor_username and ami_actor_secret")
    assert findings["dialplan"]["state"] == "ok"


async def test_the_actor_lacks_the_class_agent(center: Center) -> None:
    old, new = r"^write = agent,call,originate,reporting", "write = call,originate,reporting"
    with reconfigured(center, "manager.conf", old, new, "manager reload"):
        findings = await look(center)
    named(findings, "actor rights", "actor-lacks", "write = agent,call,originate,reporting")
    assert "after-call work" in findings["actor rights"]["why"]


async def test_the_reader_has_too_many_rights(center: Center) -> None:
    with reconfigured(center, "manager.conf", r"^write = reporting$", "write = all", "manager reload"):
        findings = await look(center)
    named(findings, "reader rights", "reader-too-mighty", "write = reporting for kefu_reader")


async def test_the_event_filter_is_missing(center: Center) -> None:
    with reconfigured(center, "manager.conf", r"^eventfilter = .*$", "; none", "manager reload"):
        findings = await look(center)
    named(findings, "events", "filter-missing", "eventfilter lines of kefu_reader")


@pytest.mark.parametrize(("gone", "missed"), [("call,", "call"), (",agent", "agent"), ("system,", "system")])
async def test_the_reader_does_not_hear_a_class(center: Center, gone: str, missed: str) -> None:
    read = "system,call,agent,user"
    with reconfigured(center, "manager.conf", f"^read = {read}$", f"read = {read.replace(gone, '')}", "manager reload"):
        findings = await look(center)
    named(findings, "events", "events-unheard", "read = system,call,agent,user")
    assert findings["events"]["why"].startswith(f"the bridge misses {missed}")


async def test_events_carry_no_time(center: Center) -> None:
    with reconfigured(center, "manager.conf", r"^timestampevents = yes", "timestampevents = no", "manager reload"):
        findings = await look(center)
    named(findings, "events", "timestamps-missing", "timestampevents = yes")


async def test_the_queues_module_is_not_loaded(center: Center) -> None:
    assert "Unloaded" in center.sandbox.cli("module unload app_queue.so")
    try:
        findings = await look(center)
    finally:
        center.sandbox.cli("module load app_queue.so")
    assert findings["modules"]["fault"] == "module-missing"
    assert "asterisk -rx 'module load app_queue.so'" in findings["modules"]["mend"]
    assert findings["actor rights"]["state"] == "ok", "the account is not blamed for it"


async def test_the_menus_module_is_not_loaded(center: Center) -> None:
    """It cannot be unloaded while Asterisk runs: it was never loaded."""

    async def restart() -> None:
        await asyncio.to_thread(center.sandbox.restart)
        await center.services["bridge"].ready()

    try:
        with edited(center.sandbox.folder / "etc" / "modules.conf", r"^load = res_agi\.so", "; gone"):
            await restart()
            findings = await look(center)
    finally:
        await restart()
    named(findings, "modules", "module-missing", "asterisk -rx 'module load res_agi.so'")
    assert findings["modules"]["why"] == "callers hear no menu: each goes straight to reception"


async def test_a_context_of_the_dialplan_is_missing(center: Center) -> None:
    center.sandbox.cli("dialplan remove context queue-support")
    try:
        findings = await look(center)
    finally:
        center.sandbox.cli("dialplan reload")
    named(findings, "dialplan", "context-missing", "dialplan reload")
    assert "queue-support" in findings["dialplan"]["said"]


async def test_the_dialplan_asks_another_place(center: Center) -> None:
    center.sandbox.cli("dialplan set global KEFU_AGI agi://127.0.0.1:4999")
    try:
        findings = await look(center)
    finally:
        center.sandbox.cli("dialplan reload")
    named(findings, "dialplan", "agi-elsewhere", "fastagi_port")


async def test_nobody_can_be_asked_first(center: Center) -> None:
    with reconfigured(center, "features.conf", r"^atxfer = ", "; atxfer = ", "module reload features"):
        findings = await look(center)
    assert (findings["events"]["state"], findings["events"]["fault"]) == ("warning", "consult-keys-missing")


async def test_a_queue_is_missing(center: Center) -> None:
    with reconfigured(center, "queues.conf", r"^\[support\]", "[elsewhere]", "queue reload all"):
        findings = await look(center)
    center.sandbox.cli("queue add member Local/1001@sandbox-agents/n to support")
    named(findings, "queues", "queue-missing", "queue reload all")


async def test_a_queue_that_people_named_is_nowhere(center: Center) -> None:
    def one(statement: str) -> None:
        with psycopg.connect(center.database_url, autocommit=True) as rows:
            rows.execute(statement)

    one("INSERT INTO queue (name, title_en, title_zh, service_level_s) VALUES ('sales', 'Sales', '销售', 20)")
    try:
        findings = await look(center)
    finally:
        one("DELETE FROM queue WHERE name = 'sales'")
    assert (findings["named queues"]["state"], findings["named queues"]["fault"]) == ("warning", "queue-nowhere")
    assert "sales" in findings["named queues"]["said"]


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


async def test_the_menus_are_dead_and_frozen(center: Center) -> None:
    ivr = center.services["ivr"]
    # Its watchman would end it before the doctor has looked.
    for child in children_of(ivr.process.pid):
        os.kill(child, signal.SIGKILL)
    os.kill(ivr.process.pid, signal.SIGSTOP)
    try:
        frozen = await look(center)
    finally:
        os.kill(ivr.process.pid, signal.SIGCONT)
    assert frozen["menus"]["fault"] == "fastagi-silent"
    assert frozen["ivr"]["fault"] == "service-silent"
    ivr.kill()
    try:
        dead = await look(center)
    finally:
        ivr.start()
        await ivr.ready()
    assert (dead["menus"]["fault"], "kefu ivr serve" in dead["menus"]["mend"]) == ("fastagi-away", True)


async def test_a_stranger_sits_on_the_port_of_the_menus(center: Center) -> None:
    web = center.web.rpartition(":")[2]
    findings = await look(center, fastagi_port=web)
    assert findings["menus"]["fault"] == "fastagi-stranger"
    assert f"sport = :{web}" in findings["menus"]["mend"]


async def test_a_prompt_is_missing_in_chinese(center: Center, prompts: Path) -> None:
    sound = prompts / "zh" / "welcome.wav"
    kept = sound.read_bytes()
    sound.unlink()
    try:
        findings = await look(center)
    finally:
        sound.write_bytes(kept)
    named(findings, "prompts", "prompt-missing", f"kefu prompts build --to {prompts}")
    assert "zh lacks welcome" in findings["prompts"]["said"]


async def test_queue_log_is_not_written(center: Center) -> None:
    with reconfigured(center, "logger.conf", r"^queue_log = yes", "queue_log = no", "logger reload"):
        findings = await look(center)
    named(findings, "queue_log", "queue-log-silent", "queue_log = yes")


async def test_call_events_are_not_written(center: Center) -> None:
    with reconfigured(center, "cel.conf", r"^enable = yes", "enable = no", "module reload cel"):
        findings = await look(center)
    named(findings, "call events", "cel-silent", "enable = yes in cel.conf")


async def test_the_bridge_is_dead(center: Center) -> None:
    bridge = center.services["bridge"]
    bridge.kill()
    try:
        with psycopg.connect(center.database_url, autocommit=True) as connection:
            connection.execute("UPDATE node SET heard_at = heard_at - interval '10 minutes'")
        findings = await look(center)
    finally:
        bridge.start()
        await bridge.ready()
    assert findings["bridge"]["fault"] == "bridge-stale"
    assert "kefu bridge run" in findings["bridge"]["mend"]
    assert findings["bridge health"]["fault"] == "service-silent"


async def test_no_bridge_has_ever_watched_this_node(center: Center) -> None:
    findings = await look(center, node="another")
    named(findings, "bridge", "bridge-never", "kefu bridge run")


async def test_the_pages_are_dead(center: Center) -> None:
    web = center.services["web"]
    web.kill()
    try:
        findings = await look(center)
    finally:
        web.start()
        await web.ready()
    named(findings, "web", "service-silent", "kefu web")


async def test_something_else_serves_where_the_pages_should_be(center: Center) -> None:
    findings = await look(center, web_port=str(center.sandbox.ami_port))
    assert findings["web"]["fault"] in ("service-silent", "service-stranger")
    assert findings["web"]["state"] == "broken"


async def test_asterisks_clock_is_wrong(center: Center) -> None:
    async with an_hour_ahead(center.sandbox.ami_port) as port:
        findings = await look(center, ami_port=str(port))
    named(findings, "clock", "clock-skew", "timedatectl set-ntp true")
    assert findings["clock"]["said"].startswith("the clock of Asterisk is 3600.0 s ahead")


@asynccontextmanager
async def an_hour_ahead(ami_port: int) -> AsyncIterator[int]:
    """A door to Asterisk behind which its clock is an hour ahead."""

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, forge: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if forge:
                    data = re.sub(rb"(Timestamp: )(\d+)", lambda at: at[1] + b"%d" % (int(at[2]) + 3600), data)
                writer.write(data)
        writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", ami_port)
        await asyncio.gather(pour(reader, far_writer, forge=False), pour(far_reader, writer, forge=True))

    door = await asyncio.start_server(carry, "127.0.0.1", 0)
    yield door.sockets[0].getsockname()[1]
    door.close()


async def test_settings_that_are_refused_and_settings_that_all_may_read(center: Center, tmp_path: Path) -> None:
    file = tmp_path / "kefu.toml"
    file.write_text("web_prot = 1\n")
    file.chmod(0o600)
    _, findings = await command(center, config=str(file))
    named(findings, "settings", "settings-refused", f"edit {file}")
    assert findings["program"]["state"] == "ok"
    file.write_text("heartbeat_seconds = 10\n")
    file.chmod(0o644)
    code, findings = await command(center, config=str(file))
    assert (findings["settings"]["state"], findings["settings"]["mend"]) == ("warning", f"chmod 600 {file}")
    assert code == 0


async def test_a_test_call_is_followed_from_the_trunk_to_the_card(center: Center) -> None:
    found = await walk(with_test_call("1wwww2"), Round("kefu.toml", said_to(center)))
    finding = found[-1]
    assert finding.hop == "test call"
    # The card was written for the simulated seat, where no browser is open to paint it.
    assert (finding.state, finding.fault) == ("warning", "call-not-painted"), finding.said
    for stage in ("conversation", "wait", "offer", "card"):
        assert f"{stage} after" in finding.said
    calls = await center.kefu("conversation", "list")
    assert [call["caller_name"] for call in calls] == ["Kefu doctor"]
    assert calls[0]["linkedid"].startswith("kefu-test-call-")
    assert calls[0]["direction"] == "inbound"


async def test_a_test_call_that_nobody_could_take(center: Center) -> None:
    center.sandbox.cli("queue remove member Local/1001@sandbox-agents/n from support")
    try:
        found = await walk(with_test_call("1wwww2"), Round("kefu.toml", said_to(center)))
    finally:
        center.sandbox.cli("queue add member Local/1001@sandbox-agents/n to support")
    assert found[-1].fault in ("call-no-seat", "call-no-queue")
    assert "sign an agent in" in (found[-1].mend or "")
