"""A prompt spoken into a phone on a real Asterisk: heard back, spoken again, kept; or not kept, and nothing changes."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from agi.prompt_building import CannotBuild, build_prompts
from agi.prompt_recordings import speak, take_in
from crm.pbx.sandbox import Sandbox

SMALL = {"hello": {"en": "Hello", "zh": "您好"}}


def phone(sandbox: Sandbox, presses: str) -> str:
    """A phone that answers, makes a sound for about two seconds, ends with #, and presses these keys."""
    steps = ["Answer()", "Wait(1)", "MusicOnHold(default,2.5)", f"SendDTMF(#ww{presses},200,120)"]
    steps += ["Wait(20)", "Hangup()"]
    for number, step in enumerate(steps, 1):
        sandbox.cli(f"dialplan add extension {presses[-1]},{number},{step} into speaker replace")
    return f"Local/{presses[-1]}@speaker/n"


@pytest.mark.parametrize("presses", ["ww1", "ww7wwwwwwwwww1"])
def test_what_is_spoken_and_kept_takes_the_prompts_place(sandbox: Sandbox, tmp_path: Path, presses: str) -> None:
    build_prompts(SMALL, tmp_path)
    with sandbox.ami() as ear, sandbox.ami(sandbox.actor) as hand:
        spoken = speak(ear, hand, phone(sandbox, presses), print)
    taken = take_in(spoken, tmp_path, "zh/hello.wav")
    assert taken.earlier
    assert 1.0 <= taken.seconds <= 5.0
    with wave.open(str(tmp_path / "zh" / "hello.wav")) as sound:
        assert sound.getframerate() == 8000
    assert build_prompts(SMALL, tmp_path).kept == ("zh/hello.wav",)


def test_hanging_up_without_keeping_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.cli("dialplan add extension gone,1,Answer() into speaker replace")
    sandbox.cli("dialplan add extension gone,2,Wait(2) into speaker replace")
    sandbox.cli("dialplan add extension gone,3,Hangup() into speaker replace")
    with sandbox.ami() as ear, sandbox.ami(sandbox.actor) as hand, pytest.raises(CannotBuild, match="nothing was kept"):
        speak(ear, hand, "Local/gone@speaker/n", print)


def test_a_seat_that_does_not_answer_is_one_sentence(sandbox: Sandbox) -> None:
    with (
        sandbox.ami() as ear,
        sandbox.ami(sandbox.actor) as hand,
        pytest.raises(CannotBuild, match=r"did not answer|nobody answered"),
    ):
        speak(ear, hand, "Local/busy-1@sandbox-agents/n", print)
