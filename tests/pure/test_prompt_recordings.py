"""Recordings of people in place of synthesised prompts: made playable, made even, the one before kept."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import wave
from pathlib import Path

import pytest
from click.testing import CliRunner

from agi.prompt_building import CannotBuild, build_prompts, missing_sounds
from agi.prompt_recordings import channel_of, prompt_name, take_in
from agi.shipped import load_prompts
from crm.cli import main

SMALL = {"hello": {"en": "Hello", "zh": "您好"}}


def tone(path: Path, *, seconds: float = 2.0, volume: float = 0.5, rate: int = 44100, channels: int = 2) -> Path:
    shape = ["-r", str(rate), "-c", str(channels)]
    tones = ["synth", str(seconds), "sine", "440", "vol", str(volume)]
    subprocess.run(["sox", "-n", *shape, str(path), *tones], check=True, capture_output=True)
    return path


def loudness(path: Path) -> float:
    said = subprocess.run(["sox", str(path), "-n", "stats"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"^RMS lev dB\s+(\S+)", said, re.MULTILINE)
    assert found
    return float(found[1])


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "aiff"])
@pytest.mark.parametrize("volume", [0.02, 0.9])
def test_a_recording_becomes_playable_and_as_loud_as_the_others(tmp_path: Path, kind: str, volume: float) -> None:
    taken = take_in(tone(tmp_path / f"studio.{kind}", volume=volume), tmp_path / "to", "zh/hello.wav")
    with wave.open(str(tmp_path / "to" / "zh" / "hello.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
    assert -22 <= loudness(tmp_path / "to" / "zh" / "hello.wav") <= -18
    assert 1.8 <= taken.seconds <= 2.1
    assert taken.earlier is None


def test_a_recording_survives_every_build_and_the_file_before_it_is_kept(tmp_path: Path) -> None:
    build_prompts(SMALL, tmp_path)
    spoken = (tmp_path / "zh" / "hello.wav").read_bytes()
    taken = take_in(tone(tmp_path / "a.wav"), tmp_path, "zh/hello.wav")
    assert taken.earlier
    assert Path(taken.earlier).read_bytes() == spoken
    recorded = (tmp_path / "zh" / "hello.wav").read_bytes()
    for texts in (SMALL, {"hello": {"en": "Hi", "zh": "你好"}}):
        assert "zh/hello.wav" in build_prompts(texts, tmp_path).kept
        assert (tmp_path / "zh" / "hello.wav").read_bytes() == recorded
    second = take_in(tone(tmp_path / "b.wav", seconds=1.0), tmp_path, "zh/hello.wav")
    assert second.earlier
    assert Path(second.earlier).read_bytes() == recorded
    assert missing_sounds(SMALL, tmp_path) == []


def test_a_recording_taken_in_before_the_first_build_survives_it_too(tmp_path: Path) -> None:
    take_in(tone(tmp_path / "a.wav"), tmp_path, "zh/hello.wav")
    recorded = (tmp_path / "zh" / "hello.wav").read_bytes()
    assert build_prompts(SMALL, tmp_path).kept == ("zh/hello.wav",)
    assert (tmp_path / "zh" / "hello.wav").read_bytes() == recorded


def test_spoken_over_again_a_recording_is_still_kept(tmp_path: Path) -> None:
    """Also where nobody knows any more that it was one."""
    take_in(tone(tmp_path / "a.wav"), tmp_path, "zh/hello.wav")
    recorded = (tmp_path / "zh" / "hello.wav").read_bytes()
    (tmp_path / "kefu-prompts.json").unlink()
    assert "zh/hello.wav" in build_prompts(SMALL, tmp_path, again=True).made
    assert [path.read_bytes() for path in (tmp_path / "earlier" / "zh").iterdir()] == [recorded]


def bad(tmp_path: Path, what: str) -> Path:
    if what == "silence.wav":
        return tone(tmp_path / what, volume=0.0)
    if what == "long.wav":
        return tone(tmp_path / what, seconds=14)
    texts = {"list.m3u": "/etc/passwd\n", "empty.wav": "", "noise.wav": "no sound at all" * 100, "page.mp3": "<html>"}
    if what in texts:
        (tmp_path / what).write_text(texts[what])
    return tmp_path / what


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("silence.wav", "nothing is heard in silence.wav"),
        ("long.wav", "lasts 14.0 s: a prompt lasts up to 12 s"),
        ("list.m3u", "give a file that ends in .wav"),
        ("empty.wav", "is empty or larger"),
        ("noise.wav", "it is no sound that can be read"),
        ("page.mp3", "it is no sound that can be read"),
        ("away.wav", "cannot be read"),
    ],
)
def test_what_could_not_be_played_changes_nothing(tmp_path: Path, what: str, why: str) -> None:
    build_prompts(SMALL, tmp_path / "to")
    before = {path: path.read_bytes() for path in (tmp_path / "to").rglob("*") if path.is_file()}
    with pytest.raises(CannotBuild, match=why):
        take_in(bad(tmp_path, what), tmp_path / "to", "zh/hello.wav")
    assert {path: path.read_bytes() for path in (tmp_path / "to").rglob("*") if path.is_file()} == before


def test_only_prompts_that_somebody_wrote_can_be_recorded() -> None:
    texts = load_prompts()[0]
    assert prompt_name(texts, "welcome", "zh") == "zh/welcome.wav"
    with pytest.raises(CannotBuild, match=r"no prompt 'welcom' in 'zh': did you mean welcome\?"):
        prompt_name(texts, "welcom", "zh")
    with pytest.raises(CannotBuild, match=r"no prompt '../../etc/passwd'"):
        prompt_name(texts, "../../etc/passwd", "en")


def test_a_seat_is_a_channel_and_nothing_else() -> None:
    assert channel_of("1001") == "PJSIP/1001"
    assert channel_of("Local/7001@phones/n") == "Local/7001@phones/n"
    for hostile in ("1001&PJSIP/1002", "1001\r\nAction: Hangup", "", "x" * 200):
        with pytest.raises(CannotBuild, match="is no seat"):
            channel_of(hostile)


def test_the_voice_actors_script_has_every_sentence_once() -> None:
    texts = load_prompts()[0]
    page = CliRunner().invoke(main, ["prompts", "script", "--language", "zh", "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(page.stdout)))
    assert {row["file"]: row["text"] for row in rows} == {f"zh/{key}.wav": said["zh"] for key, said in texts.items()}
    markdown = CliRunner().invoke(main, ["prompts", "script", "--format", "markdown"]).stdout
    assert markdown.count("\n## ") == 2
    assert all(f"| {said[language]} |" in markdown for said in texts.values() for language in ("en", "zh"))


def test_import_by_command(tmp_path: Path) -> None:
    studio = tone(tmp_path / "studio.wav")
    words = ["prompts", "import", "welcome", str(studio), "--language", "zh", "--to", str(tmp_path / "to")]
    ran = CliRunner().invoke(main, words)
    assert ran.exit_code == 0, ran.output
    assert "zh/welcome.wav is a recording of 2.0 s now" in ran.stderr
    wrong = CliRunner().invoke(main, ["prompts", "import", "wellcome", str(studio), "--language", "zh"])
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "did you mean welcome?" in wrong.stderr
