"""Prompts that keep nobody waiting, for tests about what follows them."""

from __future__ import annotations

import wave
from pathlib import Path

from agi import shipped


def short_prompts(folder: Path) -> Path:
    """Every prompt as a tenth of a second of quiet, below a folder that exists."""
    for language in ("en", "zh"):
        (folder / language).mkdir(parents=True)
        for key in shipped.load_prompts()[0]:
            with wave.open(str(folder / language / f"{key}.wav"), "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(8000)
                sound.writeframes(b"\x00\x00" * 800)
    return folder
