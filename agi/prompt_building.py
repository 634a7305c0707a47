"""Texts → sound files that Asterisk plays: espeak-ng speaks, sox makes 8 kHz mono wav.

Called by `kefu prompts build` and by the sandbox's set-up. Only what changed is spoken again; a file that is not the
one we made (a studio recording laid over it) is kept. Killed at any moment, the next run makes what is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from agi.prompt_texts import PromptTexts
from crm.refusals import Refusal

MANIFEST = "kefu-prompts.json"
EARLIER = "earlier"
RECORDED = "recorded by a person"
RECIPE = "espeak-ng, sox 8 kHz mono 16 bit, norm -3 dB"
LONGEST_S = 12.0
_WORDS_A_MINUTE = {"cmn": "210", "en-gb": "160"}
_TOOLS = {"espeak-ng": "espeak-ng", "sox": "sox"}


class CannotBuild(Refusal):
    """A tool is missing or refused a text; the sentence says which and how to mend it."""


class Built(Struct, frozen=True):
    """What one run did. `kept` are files that somebody laid over ours."""

    made: tuple[str, ...]
    unchanged: int
    kept: tuple[str, ...]


class _Sound(Struct, frozen=True):
    name: str
    text: str

    @property
    def recipe(self) -> str:
        return hashlib.sha256(f"{RECIPE}\n{_WORDS_A_MINUTE}\n{_voice(self.text)}\n{self.text}".encode()).hexdigest()


def sounds(texts: PromptTexts) -> Iterator[tuple[str, str]]:
    """(file name below the folder, text) of every sound: `zh/welcome.wav`."""
    for key, by_language in texts.items():
        for language, text in by_language.items():
            yield f"{language}/{key}.wav", text


def build_prompts(
    texts: PromptTexts, folder: Path, *, again: bool = False, on_progress: Callable[[int, int], None] | None = None
) -> Built:
    """Speak all texts into `folder`/<language>/<key>.wav. `again`: also over recordings that are not ours."""
    for tool, package in _TOOLS.items():
        if shutil.which(tool) is None:
            raise CannotBuild(f"{tool} is not installed: run `apt-get install {package}` (or your system's equivalent)")
    try:
        return _build(texts, folder, again, on_progress)
    except OSError as refused:
        raise CannotBuild(f"cannot write prompts into {folder}: {refused.strerror or refused}") from None


def _build(texts: PromptTexts, folder: Path, again: bool, on_progress: Callable[[int, int], None] | None) -> Built:
    manifest = _Manifest(folder)
    wanted, kept, unchanged = [], [], 0
    for name, text in sounds(texts):
        sound = _Sound(name, text)
        state = "missing" if again else manifest.state(sound)
        if state == "missing":
            wanted.append(sound)
        elif state == "theirs":
            kept.append(name)
        else:
            unchanged += 1
    if wanted:
        manifest.begin()
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool, tempfile.TemporaryDirectory() as scratch:
        spoken = pool.map(lambda sound: (sound, _speak(sound, Path(scratch))), wanted)
        for done, (sound, wav) in enumerate(spoken, start=1):
            manifest.take(sound, wav)
            if on_progress:
                on_progress(done, len(wanted))
    return Built(tuple(sound.name for sound in wanted), unchanged, tuple(kept))


def missing_sounds(texts: PromptTexts, folder: Path) -> list[str]:
    """What would be silence on a call: files that are missing, unreadable, empty or longer than LONGEST_S."""
    return [fault for name, _text in sounds(texts) if (fault := sound_fault(folder / name, name))]


def sound_faults(texts: PromptTexts, folder: Path) -> dict[tuple[str, str], str]:
    """(key, language) → why its sound cannot be played."""
    found = {}
    for key, by_language in texts.items():
        for language in by_language:
            name = f"{language}/{key}.wav"
            if why := sound_fault(folder / name, name):
                found[key, language] = why
    return found


def sound_fault(path: Path, name: str) -> str | None:
    """Why Asterisk cannot play this file, in one sentence."""
    recordings = [path, *(path.with_suffix(end) for end in (".gsm", ".sln16", ".ulaw", ".alaw", ".g722"))]
    if not any(recording.is_file() for recording in recordings):
        return f"{name} is missing: run `kefu prompts build --to {path.parents[1]}`"
    if not path.is_file():
        return None
    try:
        with wave.open(str(path)) as sound:
            seconds = sound.getnframes() / sound.getframerate()
            shape = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
    except (wave.Error, EOFError, OSError) as unreadable:
        return f"{name} is no wav file ({unreadable}): record it again, or remove it and build"
    if shape != (8000, 1, 2):
        return f"{name} has {shape[0]} Hz and {shape[1]} channel(s): Asterisk plays .wav of 8000 Hz, mono, 16 bit only"
    if not 0.05 <= seconds <= LONGEST_S:
        return f"{name} lasts {seconds:.1f} s: a prompt lasts up to {LONGEST_S:.0f} s; split the text in two"
    return None


def _voice(text: str) -> str:
    # A folder may hold a sentence of the other language ("For English, press one" for those who do not read Chinese).
    return "cmn" if any("\u3400" <= letter <= "\u9fff" for letter in text) else "en-gb"


def _speak(sound: _Sound, scratch: Path) -> Path:
    raw = scratch / f"{sound.name.replace('/', '-')}.raw.wav"
    finished = scratch / f"{sound.name.replace('/', '-')}.wav"
    # The text goes in by standard input: one that begins with "-" is no option then.
    voice = _voice(sound.text)
    _run(["espeak-ng", "-v", voice, "-s", _WORDS_A_MINUTE[voice], "--stdin", "-w", str(raw)], sound, sound.text)
    _run(["sox", "-D", str(raw), "-r", "8000", "-c", "1", "-b", "16", str(finished), "norm", "-3"], sound)
    return finished


def _run(command: list[str], sound: _Sound, text: str | None = None) -> None:
    done = subprocess.run(command, input=text.encode() if text else b"", capture_output=True, timeout=60, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CannotBuild(f"{command[0]} could not make {sound.name}: {said[-1] if said else 'no reason given'}")


def lay_recording(folder: Path, name: str, wav: Path) -> Path | None:
    """Put a person's recording in place; from now on it is theirs. Returns where the file before it lies now."""
    try:
        return _Manifest(folder).lay(name, wav)
    except OSError as refused:
        raise CannotBuild(f"cannot write {name} into {folder}: {refused.strerror or refused}") from None


class _Manifest:
    """Which of the files are ours: recipe and content of each, beside them in one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / MANIFEST
        self.ours: dict[str, list[str]] = {}
        try:
            loaded = json.loads(self.path.read_text("utf-8"))
            self.ours = {str(name): [str(mark) for mark in marks] for name, marks in loaded.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self.ours = {}
        self._spoken = {marks[-1] for marks in self.ours.values() if marks and marks[0] != RECORDED}

    def begin(self) -> None:
        """Refuse a folder that cannot be written into before anything is spoken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._save()

    def state(self, sound: _Sound) -> str:
        path = self.folder / sound.name
        if not path.is_file():
            return "missing"
        recipe, content = self.ours.get(sound.name, [None, None])
        if content is None:
            return "missing"
        if content != _content(path) or recipe == RECORDED:
            return "theirs"
        return "same" if recipe == sound.recipe else "missing"

    def take(self, sound: _Sound, wav: Path) -> None:
        """Put a file in place. Its entry leaves the manifest before and enters after, so a kill between the two only
        means that it is made once more, never that it is taken for a recording of theirs."""
        target = self.folder / sound.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.ours.pop(sound.name, None):
            self._save()
        self._keep_earlier(sound.name, but=self._spoken)
        self._put(target, wav)
        self.ours[sound.name] = [sound.recipe, _content(target)]
        self._spoken.add(self.ours[sound.name][1])
        self._save()

    def lay(self, name: str, wav: Path) -> Path | None:
        """Put in a recording. It is known as theirs before it is there, so a kill in between loses neither."""
        earlier = self._keep_earlier(name, but=set())
        self.ours[name] = [RECORDED, _content(wav)]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._save()
        self._put(self.folder / name, wav)
        return earlier

    def _put(self, target: Path, wav: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(".new")
        shutil.copyfile(wav, beside)
        beside.replace(target)

    def _keep_earlier(self, name: str, but: set[str]) -> Path | None:
        """A copy of the file that is there, unless it is among `but`: what we can speak again at any time."""
        target = self.folder / name
        if not target.is_file() or (content := _content(target)) in but:
            return None
        kept = self.folder / EARLIER / f"{name.removesuffix('.wav')}.{content[:8]}.wav"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target, kept)
        return kept

    def _save(self) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(self.ours, indent=1, sort_keys=True) + "\n", "utf-8")
        beside.replace(self.path)


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
