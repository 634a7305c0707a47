"""The keyboard as a telephone keypad, for `kefu ivr rehearse`: one key a press, nothing in time is silence."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Any

from crm.refusals import Refusal

from .steps import KEYS


class Keypad:
    """The terminal while a call lasts: keys arrive at once and are not echoed. Left as it was found."""

    def __init__(self) -> None:
        if not sys.stdin.isatty():
            raise Refusal("rehearse needs a keyboard: without a terminal use `kefu ivr simulate --keys …`")
        self._before: list[Any] = []

    def __enter__(self) -> Keypad:
        self._before = termios.tcgetattr(sys.stdin.fileno())
        tty.setcbreak(sys.stdin.fileno(), termios.TCSANOW)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)

    def press(self, within_s: float) -> str:
        """The next telephone key pressed within so many seconds, or ""."""
        while select.select([sys.stdin], [], [], within_s)[0]:
            key = os.read(sys.stdin.fileno(), 1).decode("ascii", "replace")  # not what Python reads ahead
            if not key:
                raise KeyboardInterrupt
            if key in KEYS:
                return key
        return ""
