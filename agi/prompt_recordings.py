"""A person's voice in place of the synthesised one: a sound file taken in, or a prompt spoken into a seat's phone.

Called by `kefu prompts import` and `record`. A recording becomes what Asterisk plays (8 kHz, mono, 16 bit) at an even
loudness, the file before it is kept under earlier/, and from then on `kefu prompts build` leaves it alone. Nothing is
put in place that could not be played.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path

from msgspec import Struct

from agi.prompt_building import CannotBuild, lay_recording, sound_fault
from agi.prompt_texts import PromptTexts
from crm.pbx.ami_probe import AmiProbe, Message

# By name, since sox chooses its reader by it, and some of its readers follow what a file says to other files.
READABLE = ("wav", "flac", "ogg", "mp3", "aiff")
LOUDNESS_DB = -20.0
MOST_BYTES = 50_000_000
CONTEXT = "kefu-prompt"
MARK = "kefu-prompt-"
SPEAK_WITHIN_S = 300.0
_RMS = re.compile(r"^RMS lev dB\s+(-?[\d.]+|-inf)", re.MULTILINE)
_CHANNEL = re.compile(r"[A-Za-z]+/[A-Za-z0-9_.@/+-]{1,80}")


class Taken(Struct, frozen=True):
    """What was put in place, and where the file before it is now."""

    file: str
    seconds: float
    earlier: str | None


def prompt_name(texts: PromptTexts, key: str, language: str) -> str:
    """The file below the prompts folder. Refuses keys that nobody wrote a text for."""
    if language not in texts.get(key, {}):
        near = get_close_matches(key, texts, 1)
        hint = f": did you mean {near[0]}?" if near else ": `kefu prompts script` lists all"
        raise CannotBuild(f"there is no prompt {key!r} in {language!r}{hint}")
    return f"{language}/{key}.wav"


def take_in(recording: Path, folder: Path, name: str) -> Taken:
    """Make a recording playable and put it in place of `name`. CannotBuild says why not; then nothing has changed."""
    kind = recording.suffix.lower().removeprefix(".")
    if kind not in READABLE:
        raise CannotBuild(f"{recording.name}: give a file that ends in {', '.join('.' + each for each in READABLE)}")
    try:
        if not 0 < recording.stat().st_size <= MOST_BYTES:
            raise CannotBuild(f"{recording.name} is empty or larger than {MOST_BYTES // 1_000_000} MB")
    except OSError as unread:
        raise CannotBuild(f"{recording} cannot be read: {unread.strerror}") from None
    with tempfile.TemporaryDirectory() as scratch:
        whole, finished = Path(scratch) / "whole.wav", Path(scratch) / name
        finished.parent.mkdir()
        quiet = ["silence", "1", "0.02", "0.3%", "reverse"]
        _sox(["-D", "-t", kind, str(recording.resolve()), *PLAYABLE, str(whole), "highpass", "80", *quiet, *quiet])
        gain = LOUDNESS_DB - _loudness(whole, recording)
        _sox(["-D", str(whole), *PLAYABLE, str(finished), "gain", *(["-l"] if gain > 0 else []), f"{gain:.1f}"])
        if why := sound_fault(finished, recording.name):
            raise CannotBuild(why)
        seconds = (finished.stat().st_size - 44) / 16_000
        earlier = lay_recording(folder, name, finished)
    return Taken(name, round(seconds, 1), str(earlier) if earlier else None)


PLAYABLE = ("-r", "8000", "-c", "1", "-b", "16", "-e", "signed-integer")


def _loudness(sound: Path, recording: Path) -> float:
    found = _RMS.search(_sox([str(sound), "-n", "stats"]))
    if found is None or found[1] == "-inf" or float(found[1]) < -60:
        raise CannotBuild(f"nothing is heard in {recording.name}: speak closer, or look at the microphone")
    return float(found[1])


def _sox(arguments: list[str]) -> str:
    if shutil.which("sox") is None:
        raise CannotBuild("sox is not installed: run `apt-get install sox` (or your system's equivalent)")
    try:
        done = subprocess.run(["sox", *arguments], capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        raise CannotBuild("sox did not come to an end with it: is the file what its name says?") from None
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode:
        last = (said.strip().splitlines() or ["no reason given"])[-1]
        raise CannotBuild(f"it is no sound that can be read ({last.removeprefix('sox FAIL ')})")
    return said


def channel_of(seat: str) -> str:
    """1001 → PJSIP/1001; a whole channel such as Local/7001@phones stays."""
    channel = seat if "/" in seat else f"PJSIP/{seat}"
    if not _CHANNEL.fullmatch(channel):
        raise CannotBuild(f"{seat!r} is no seat: give its number, such as 1001")
    return channel


def speak(ear: AmiProbe, hand: AmiProbe, seat: str, tell: Callable[[str], None]) -> Path:
    """Ring a seat, let it speak until it keeps what it hears, and return Asterisk's file of it.

    ear: a session that hears UserEvent and Hangup; hand: one that may originate."""
    call = MARK + secrets.token_hex(6)
    headers: Mapping[str, str] = {
        "Action": "Originate",
        "Channel": channel_of(seat),
        "Context": CONTEXT,
        "Exten": "speak",
        "Priority": "1",
        "CallerID": '"Kefu: record a prompt" <0>',
        "ChannelId": call,
        "Async": "true",
        "Timeout": "30000",
    }
    if "Local/" in headers["Channel"]:
        headers = {**headers, "OtherChannelId": f"{call}-2"}
    placed = hand.ask(headers)
    if placed.get("Response") != "Success":
        raise CannotBuild(f"Asterisk does not ring {seat}: {placed.get('Message', 'it gave no reason')}")
    tell(f"{seat} rings: speak after the tone, then #. Then 1 keeps it, 2 speaks again, hanging up changes nothing.")
    try:
        for message in ear.messages(SPEAK_WITHIN_S):
            if (kept := _kept(message, call)) is not None:
                return kept
            if message.get("Event") == "Hangup" and message.get("Uniqueid") == call:
                break
            if _not_answered(message, call, headers["Channel"]):
                raise CannotBuild(f"{seat} did not answer: nothing was changed")
    except TimeoutError:
        pass
    raise CannotBuild("nothing was kept, nobody answered or nobody pressed 1: the prompt is as it was")


def _not_answered(message: Message, call: str, channel: str) -> bool:
    ours = message.get("Uniqueid") == call or message.get("Channel", "").startswith(channel)
    return message.get("Event") == "OriginateResponse" and message.get("Response") == "Failure" and ours


def _kept(message: Message, call: str) -> Path | None:
    if message.get("UserEvent") == "PromptKept" and message.get("Linkedid") == call:
        return Path(message.get("File", ""))
    return None
