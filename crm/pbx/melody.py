"""Music on hold: a short tune of our own, computed, so that nothing has to be licensed or downloaded.

Written by render.py as a telephone-grade WAV file (8 kHz, 16 bit, one channel). Pure but for the file.
"""

from __future__ import annotations

import math
import wave
from array import array
from functools import cache
from pathlib import Path

RATE_HZ = 8000
BEAT_S = 0.4
LOUDNESS = 5000
# A pentatonic tune in A (semitones above A4, beats); None rests.
TUNE: tuple[tuple[int | None, int], ...] = (
    (0, 1), (3, 1), (5, 2), (7, 1), (5, 1), (3, 2), (0, 1), (-2, 1), (0, 2), (3, 2), (None, 1),
    (5, 1), (7, 1), (10, 2), (7, 1), (5, 1), (3, 1), (5, 1), (0, 3), (None, 2),
)  # fmt: skip


def write(path: Path) -> None:
    """Write the tune; the file appears whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    with wave.open(str(unfinished), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(_samples())
    unfinished.rename(path)


@cache
def _samples() -> bytes:
    """Eighty thousand of them: half a second of work, once a process."""
    return b"".join(_note(semitones, beats * BEAT_S).tobytes() for semitones, beats in TUNE)


def _note(semitones: int | None, length_s: float) -> array[int]:
    count = int(RATE_HZ * length_s)
    if semitones is None:
        return array("h", bytes(2 * count))
    step = 2 * math.pi * 440 * 2 ** (semitones / 12) / RATE_HZ
    # Soft attack and slow decay: a plain tone tires the ear of someone who waits.
    return array(
        "h",
        (
            int(LOUDNESS * min(1.0, at / 160) * math.exp(-1.5 * at / count) * (1 - at / count) * _timbre(step * at))
            for at in range(count)
        ),
    )


def _timbre(angle: float) -> float:
    return math.sin(angle) + 0.3 * math.sin(2 * angle) + 0.1 * math.sin(3 * angle)
