"""What a caller really hears: the sound that Asterisk sends to the caller's own channel, searched for our prompts.

`ear = listen(sandbox, channel)` while the call is on; `ear.heard(prompts)` after it says when each prompt was heard.
The samples of a prompt come through unchanged up to the codec, so a piece of it is found byte for byte. For tests.
"""

from __future__ import annotations

import time
import wave
from collections.abc import Sequence
from pathlib import Path

from crm.pbx.sandbox import Sandbox

SECOND = 16_000  # bytes: 8 000 samples
PIECE = SECOND // 20
PIECES = 4
WRITTEN_WITHIN_S = 5.0


class NotHeard(AssertionError):
    """A prompt was not heard where it should have been."""


class Ear:
    """The recording of one channel."""

    def __init__(self, recording: Path) -> None:
        self._recording = recording

    def heard(self, prompts: Sequence[Path]) -> list[float]:
        """At which second of the recording each of these files was heard, one after another. Else NotHeard."""
        until = time.monotonic() + WRITTEN_WITHIN_S
        while True:
            sound = self._recording.read_bytes() if self._recording.exists() else b""
            try:
                return self._find(sound, prompts)
            except NotHeard:
                if time.monotonic() > until:
                    raise
            time.sleep(0.1)  # Asterisk closes the file a moment after the call

    def _find(self, sound: bytes, prompts: Sequence[Path]) -> list[float]:
        found, at = [], 0
        for prompt in prompts:
            seen = [(where, offset) for offset, piece in _pieces_of(prompt) if (where := sound.find(piece, at)) >= 0]
            if not seen:
                raise NotHeard(f"{prompt.name} is not heard after {at / SECOND:.1f} of {len(sound) / SECOND:.1f} s")
            where, offset = min(seen)
            at = where + PIECE
            found.append((where - offset) / SECOND)
        return found


def seconds_of(prompt: Path) -> float:
    """How long a prompt is."""
    with wave.open(str(prompt)) as sound:
        return sound.getnframes() / sound.getframerate()


def listen(sandbox: Sandbox, channel: str) -> Ear:
    """Record what this channel is sent, from now to its end."""
    recording = sandbox.folder / f"heard-{channel.replace('/', '-')}.sln"
    sandbox.cli(f"mixmonitor start {channel} {recording.with_suffix('.both.sln')},t({recording})")
    return Ear(recording)


def _pieces_of(prompt: Path) -> list[tuple[int, bytes]]:
    """The twentieths of a second of a prompt in which most happens, and where in it they are.

    Several: on a busy machine the recording, not the call, lacks a few hundredths here and there.
    """
    with wave.open(str(prompt)) as sound:
        samples = sound.readframes(sound.getnframes())
    pieces = [(offset, samples[offset : offset + PIECE]) for offset in range(0, max(1, len(samples) - PIECE), PIECE)]
    return sorted(pieces, key=lambda piece: len(set(piece[1])))[-PIECES:]
