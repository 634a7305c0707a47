"""What the doctor says of what it saw: every judgement, and how a round hangs together."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from crm.doctor import faults, hops, judging, judging_house
from crm.doctor.findings import State, Verdict, broken, fine, written_up
from crm.doctor.judging_house import Answer, CallbacksSeen, NodeSeen
from crm.doctor.rounds import Hop, Round, walk
from crm.refusals import Refusal

LISTENS = frozenset({"QueueStatus", "CoreShowChannels", "DeviceStateList", "Getvar", "CoreSettings", "Ping"})
ACTS = LISTENS | judging.ACTOR_NEEDS.keys() | {"Setvar", "QueueLog"}
HEARD = ["Newchannel", "Newchannel", "DialBegin", "UserEvent", "HangupRequest", "DialEnd", "Hangup", "Hangup"]
WELL = NodeSeen(0.4, None, 4.0, "bridge-1", "22.10.1")
ALL = dict.fromkeys(judging.MODULES, True)


def events(heard: list[str] = HEARD, **seen: object) -> Verdict:
    facts: dict[str, object] = {"booted": True, "agent_heard": True, "stamped": True, "account": "r", "etc": "/e"}
    return judging.judge_events(heard, **{**facts, **seen})  # type: ignore[arg-type]


def service(alive: Answer, ready: Answer | None = None) -> Verdict:
    return judging_house.judge_service("web", "h:1", alive, ready or Answer(200, {"ok": True}), "kefu web")


GOOD = [
    judging.judge_banner("Asterisk Call Manager/11.0.0", "h:1", "f"),
    judging.judge_version("22.10.1+dfsg"),
    judging.judge_version("16.28.0~dfsg-0+deb11u4"),
    judging.judge_version("certified/18.9-cert5"),
    judging.judge_modules(ALL, ()),
    judging.judge_reader(LISTENS, "r", "/e"),
    judging.judge_actor(ACTS, "a", "/e"),
    judging.judge_dialplan([], 9, "agi://10.0.0.9:4573", 4573, "/e", "f"),
    judging.judge_dialplan([], 9, "agi://menus.example", 4573, "/e", "f"),
    judging.judge_queues(["reception", "support", "theirs"], ["support", "reception"], "/e"),
    events(),
    events(agent_heard=None),
    judging.judge_clock("Asterisk", -0.02),
    judging.judge_prompts({"en": [], "zh": []}, 80, "/s", "/p"),
    judging.judge_written("queue_log", "queue-log-silent", there=True, grew=True, path="/q", etc="/e"),
    judging_house.judge_program("1", [], []),
    judging_house.judge_bridge("n", WELL),
    judging_house.judge_callbacks(CallbacksSeen(7, 0, 0, ("support",))),
    judging_house.judge_fastagi("h:1", 1, 'VERBOSE "Kefu, flows: front_desk" 3'),
    service(Answer(200, {"ok": True})),
    judging_house.judge_call({"conversation": 0.1, "painted": 9.0}, None),
]


@pytest.mark.parametrize("verdict", GOOD, ids=lambda verdict: verdict.said[:30])
def test_what_is_well_is_called_well(verdict: Verdict) -> None:
    assert verdict.state is State.OK


BAD = [
    ("ami-frozen", judging.judge_banner(None, "h:1", "f")),
    ("ami-stranger", judging.judge_banner("SSH-2.0-OpenSSH_9", "h:1", "f")),
    ("asterisk-version", judging.judge_version("13.38.3")),
    ("asterisk-version", judging.judge_version("GIT-master-abc")),
    ("module-missing", judging.judge_modules({**ALL, "app_queue": False}, ())),
    ("module-missing", judging.judge_modules(None, LISTENS - {"QueueStatus"} | {"PJSIPQualify"})),
    ("modules-unseen", judging.judge_modules(None, LISTENS | {"PJSIPQualify"})),
    ("reader-too-mighty", judging.judge_reader(LISTENS | {"Originate"}, "r", "/e")),
    ("reader-too-mighty", judging.judge_reader(LISTENS | {"Command"}, "r", "/e")),
    ("reader-lacks", judging.judge_reader(LISTENS - {"CoreShowChannels"}, "r", "/e")),
    ("actor-lacks", judging.judge_actor(ACTS - {"QueuePause", "QueueAdd"}, "a", "/e")),
    ("actor-too-mighty", judging.judge_actor(ACTS | {"Command"}, "a", "/e")),
    ("context-missing", judging.judge_dialplan(["queue-support"], 9, "agi://h:4573", 4573, "/e", "f")),
    ("agi-elsewhere", judging.judge_dialplan([], 9, "agi://h:4999", 4573, "/e", "f")),
    ("agi-elsewhere", judging.judge_dialplan([], 9, "", 4573, "/e", "f")),
    ("agi-elsewhere", judging.judge_dialplan([], 9, "agi://h:port", 4573, "/e", "f")),
    ("queue-missing", judging.judge_queues(["reception"], ["support", "reception"], "/e")),
    ("queue-nowhere", judging.judge_named_queues(["support", "sales"], ["support"], "/e")),
    ("queue-unreached", judging.judge_named_queues(["VIP"], ["VIP"], "/e")),
    ("events-unheard", events([])),
    ("events-unheard", events(booted=False)),
    ("events-unheard", events(agent_heard=False)),
    ("events-unheard", events(["Newchannel", "Hangup"])),
    ("filter-missing", events([*HEARD, "VarSet", "Newexten"])),
    ("timestamps-missing", events(stamped=False)),
    ("consult-keys-missing", events(atxfer="")),
    ("clock-skew", judging.judge_clock("Asterisk", -0.7)),
    ("clock-skew", judging.judge_clock("Postgres", 70.0)),
    ("prompt-missing", judging.judge_prompts({"en": [], "zh": ["welcome"]}, 80, "/s", "/p")),
    ("queue-log-silent", judging.judge_written("q", "queue-log-silent", there=False, grew=False, path="/q", etc="/e")),
    ("cel-silent", judging.judge_written("c", "cel-silent", there=True, grew=False, path="/c", etc="/e")),
    ("foreign-package", judging_house.judge_program("1", ["agi"], [])),
    ("program-incomplete", judging_house.judge_program("1", [], ["agi"])),
    ("bridge-never", judging_house.judge_bridge("n", None)),
    ("bridge-never", judging_house.judge_bridge("n", NodeSeen(None, None, None, None, None))),
    ("bridge-stale", judging_house.judge_bridge("n", NodeSeen(300.0, None, -290.0, "b", "22"))),
    ("bridge-blind", judging_house.judge_bridge("n", NodeSeen(0.5, 60.0, 4.0, "b", "22"))),
    ("bridge-blind", judging_house.judge_bridge("n", NodeSeen(60.0, 60.0, 4.0, "b", "22"))),
    ("bridge-no-lease", judging_house.judge_bridge("n", NodeSeen(0.5, None, -1.0, "b", "22"))),
    ("callbacks-late", judging_house.judge_callbacks(CallbacksSeen(7, 2, -1))),
    ("callbacks-beyond-seats", judging_house.judge_callbacks(CallbacksSeen(7, 2, 1))),
    ("fastagi-silent", judging_house.judge_fastagi("h:1", 1, None)),
    ("fastagi-stranger", judging_house.judge_fastagi("h:1", 1, "")),
    ("fastagi-stranger", judging_house.judge_fastagi("h:1", 1, "HTTP/1.1 400 Bad Request")),
    ("service-silent", service(Answer(0, {"why": "Connection refused"}))),
    ("service-stranger", service(Answer(404, {}))),
    ("service-ill", service(Answer(503, {"ok": False}))),
    ("service-waiting", service(Answer(200, {"ok": True}), Answer(503, {"ok": False, "why": "no database"}))),
    ("call-unseen", judging_house.judge_call({}, "conversation")),
    ("call-no-queue", judging_house.judge_call({"conversation": 0.1}, "wait")),
    ("call-no-seat", judging_house.judge_call({"conversation": 0.1, "wait": 9.0}, "offer")),
    ("call-no-card", judging_house.judge_call({"offer": 9.0}, "card")),
    ("call-not-painted", judging_house.judge_call({"card": 9.0}, "painted")),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "verdict"), BAD, ids=[f"{fault}-{n}" for n, (fault, _) in enumerate(BAD)])
def test_what_is_wrong_is_named_with_reason_and_remedy(fault: str, verdict: Verdict) -> None:
    assert verdict.fault == fault
    assert verdict.state in (State.BROKEN, State.WARNING)
    round_words = {"file": "kefu.toml", "etc": "/etc/asterisk"}
    finding = written_up("hop", Verdict(verdict.state, verdict.said, fault, {**round_words, **verdict.words}), 0.0)
    assert finding.why
    assert finding.mend
    assert not re.search(r"<\w+>", finding.why + finding.mend), "a place in the text was not filled"


def test_an_unloaded_module_is_not_blamed_on_the_account() -> None:
    without_queues = {name for name in ACTS if not name.startswith("Queue")}
    assert judging.judge_actor(without_queues, "a", "/e").state is State.OK


def test_no_remedy_fetches_a_strangers_package() -> None:
    """Kefu is installed from its wheel: that name in a package index is whoever took it."""
    for fault in faults.FAULTS.values():
        for named in re.findall(r"pip install (?:--\S+ )*([\w.{}*-]+)", fault.mend):
            assert named.endswith(".whl"), fault.mend


def test_lost_rights_say_what_agents_lose() -> None:
    verdict = judging.judge_actor(ACTS - {"QueuePause"}, "a", "/e")
    assert "after-call work" in verdict.words["lost"]


def test_every_fault_can_be_met() -> None:
    """A fault that nothing names is a sentence nobody can read; one that is named and not explained is a crash."""
    folder = Path(judging.__file__).parent
    named = set()
    for file in folder.glob("*.py"):
        if file.name != "faults.py":
            named |= set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', file.read_text(encoding="utf-8")))
    assert set(faults.FAULTS) <= named
    said = re.compile(r'(?:broken|warned)\(\s*"([a-z-]+)"')
    for file in folder.glob("*.py"):
        assert set(said.findall(file.read_text(encoding="utf-8"))) <= set(faults.FAULTS)


def test_the_guide_explains_every_fault() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [code for code in faults.FAULTS if f"`{code}`" not in guide] == []


def test_each_hop_stands_on_hops_before_it() -> None:
    known: set[str] = set()
    for hop in hops.with_test_call(""):
        assert set(hop.needs) <= known
        assert hop.silent_fault in faults.FAULTS
        known.add(hop.name)


def test_without_a_test_call_a_round_ends_in_ten_seconds() -> None:
    longest: dict[str, float] = {}
    for hop in hops.HOPS:
        longest[hop.name] = hop.deadline_s + max((longest[name] for name in hop.needs), default=0.0)
    by_a_chain = max(longest.values())
    # A hop that is late is broken, and what stands on it is not looked at: a chain spends one whole deadline at most.
    assert by_a_chain < 60
    assert max(hop.deadline_s for hop in hops.HOPS) <= 5.0


async def test_what_stands_on_a_broken_hop_is_not_checked_and_names_the_root() -> None:
    looked = []

    async def well(round_: Round) -> Verdict:
        looked.append("well")
        return fine("good")

    async def ill(round_: Round) -> Verdict:
        return broken("tables-old", "old")

    line = [Hop("a", ill), Hop("b", well, ("a",)), Hop("c", well, ("b",)), Hop("d", well)]
    found = await walk(line, Round("kefu.toml"))
    assert [finding.state for finding in found] == ["broken", "not_checked", "not_checked", "ok"]
    assert found[2].said == "not checked because a is broken"
    assert looked == ["well"]


async def test_a_silent_hop_a_refused_one_and_a_stumble_are_findings() -> None:
    async def silent(round_: Round) -> Verdict:
        await asyncio.sleep(60)
        return fine("never")

    async def refused(round_: Round) -> Verdict:
        raise Refusal("no\nway")

    async def stumbles(round_: Round) -> Verdict:
        raise KeyError("x")

    line = [Hop("a", silent, (), "ami-frozen", 0.05), Hop("b", refused, (), "database-away"), Hop("c", stumbles)]
    found = await walk(line, Round("kefu.toml"))
    assert [(finding.fault, finding.said) for finding in found] == [
        ("ami-frozen", "no answer within 0.05 s"),
        ("database-away", "no way"),
        ("probe-failed", "KeyError: 'x'"),
    ]


def test_a_package_of_the_same_name_from_elsewhere_is_found(tmp_path: Path) -> None:
    """As `pip install agi` would leave it, before our own on the path."""
    (tmp_path / "agi").mkdir()
    (tmp_path / "agi" / "__init__.py").touch()
    told = tmp_path / "agi-0.2.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: agi\nVersion: 0.2\n")
    (told / "top_level.txt").write_text("agi\n")
    kefu = Path(sys.executable).with_name("kefu")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "KEFU_DATA_FOLDER": str(tmp_path / "none")}
    ran = subprocess.run([kefu, "doctor"], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    lines = ran.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("broken\tprogram\t"))
    assert lines[at].endswith("agi installs packages of the same names as Kefu's")
    assert lines[at + 2].strip().startswith("mend: pip uninstall agi")
    assert "\x1b" not in ran.stdout, "a pipe gets no colours"
