"""The configuration boots on both ends of the supported range without a word of complaint, and carries a call there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from floor_watch import Watch, member
from sip_phones import SippCaller, SippSeat

from crm.pbx.lint_accounts import EVENTS
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile

EXPLAINED = (
    # Asterisk 22.10 asks for an option of stasis.conf that its own documentation lacks, whatever the file says.
    "Could not find option 'minimum_size' with type 'threadpool' in module 'stasis'",
)


@pytest.fixture(scope="module", params=["22", "16"])
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of each version that nobody has called yet, with two spoken prompts."""
    prompts = tmp_path_factory.mktemp("prompts")
    for language in ("en", "zh"):
        (prompts / language).mkdir()
    with Sandbox(tmp_path_factory.mktemp("pbx"), version=request.param, prompts_folder=prompts) as sandbox:
        for language in ("en", "zh"):  # laid down after the start: links, not copies
            music = sandbox.folder / "etc" / "moh" / "kefu.wav"
            (prompts / language / "goodbye.wav").write_bytes(music.read_bytes()[: 44 + 8000])
        yield sandbox


def complaints(sandbox: Sandbox) -> list[str]:
    logged = sandbox.messages_file.read_text().splitlines()
    printed = (sandbox.log_folder / "console").read_text().splitlines()
    bad = [line for line in logged if re.search(r"\] (WARNING|ERROR|SECURITY)\[", line)]
    bad += [line for line in printed if line and not line.startswith("PBX UUID")]
    return [line for line in bad if not any(known in line for known in EXPLAINED)]


def test_it_boots_without_a_complaint(fresh: Sandbox) -> None:
    assert complaints(fresh) == []


def test_every_module_named_is_running(fresh: Sandbox) -> None:
    named = re.findall(r"^load = (\S+)", (fresh.folder / "etc" / "modules.conf").read_text(), re.MULTILINE)
    shown = fresh.cli("module show")
    assert [name for name in named if not re.search(rf"^{re.escape(name)} .*Running", shown, re.MULTILINE)] == []


def test_a_sip_call_goes_through_and_only_followed_events_reach_the_reader(fresh: Sandbox) -> None:
    with (
        SippSeat(fresh, "1001", ring_s=0.5, talk_s=1) as seat,
        Watch(fresh, "13800138000") as caller,
        member(fresh, "reception", seat.interface),
        SippCaller(fresh, "13800138000", name="王芳") as phone,
        fresh.ami() as everything,
    ):
        caller.until("AgentConnect", Queue="reception", Interface="PJSIP/1001")
        caller.until("QueueLeft", Queue="reception", Status="CONTINUE")
        caller.until("Hangup")
        phone.wait()
        seen = []
        everything.send({"Action": "Ping"})
        for message in everything.messages():
            if message.get("Response") == "Success":
                break
            seen.append(message)
    assert {message["Event"] for message in seen} <= set(EVENTS)
    assert not [message for message in seen if message.get("Device", "").startswith("Queue:")]
    assert all("Timestamp" in message for message in seen if message["Event"] != "FullyBooted")
    assert 20 <= len(seen) <= 40, [message["Event"] for message in seen]


def test_the_caller_hears_our_prompt_and_our_music(fresh: Sandbox) -> None:
    """Nothing was missing in the call before: the log stayed clean but for the FastAGI server that nobody started."""
    assert "default" in fresh.cli("moh show classes")
    assert str(fresh.folder / "etc" / "moh" / "kefu") in fresh.cli("moh show files")
    assert [line for line in complaints(fresh) if "res_agi.c" not in line] == []


def test_a_message_can_be_left_when_nobody_comes(fresh: Sandbox) -> None:
    """The beep is a packaged sound, found through Debian's links; the recording is kept under the call's own id."""
    with Watch(fresh, "13800138009") as caller:
        fresh.originate_local(CallFile(number=caller.number, stay_s=2))
        left = caller.until("VoicemailLeft", Status="HANGUP")
    assert (fresh.spool_folder / "kefu-voicemail" / f"{left['Uniqueid']}.wav").exists()
    silent = re.findall(r"File (\S+) does not exist", "\n".join(complaints(fresh)))
    assert silent == ["kefu/leave-message"], "the one prompt that this test did not lay down"


def test_call_events_are_written_with_microseconds_and_without_digits(fresh: Sandbox) -> None:
    rows = [line.split('","') for line in fresh.cel_file.read_text().splitlines()]
    assert all(re.fullmatch(r"\d+\.\d{6}", row[1]) for row in rows)
    assert "LINKEDID_END" in {row[0].strip('"') for row in rows}


def test_the_prompts_of_both_languages_lie_where_asterisk_looks(fresh: Sandbox) -> None:
    sounds = fresh.folder / "data" / "sounds"
    assert (sounds / "zh" / "kefu" / "goodbye.wav").exists()
    assert (sounds / "en" / "kefu" / "goodbye.wav").exists()
    assert (sounds / "en" / "beep.gsm").is_symlink()
