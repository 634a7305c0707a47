"""Simulated callers of the sandbox: one call file is one caller, who rings in, presses keys, and hangs up.

The caller's side is `sandbox/callers.conf`, context `sandbox-callers`. Asterisk takes files out of its spool folder, so
this needs no AMI rights and no console. Sandbox only: a real site does not load pbx_spool.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFile:
    """One caller: rings `dialled`, from outside unless another `context` is named.

    `keys` are pressed one after another `keys_after_s` after the answer; then the caller stays `stay_s` seconds.
    Variables whose name begins with two underscores reach the simulated agents: `__SANDBOX_RING_S`, `__SANDBOX_TALK_S`.
    """

    number: str
    name: str = ""
    dialled: str = "95000"
    context: str = "from-trunk"
    keys: str = ""
    keys_after_s: float = 0.5
    stay_s: float = 10.0
    answer_timeout_s: int = 45
    variables: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The call file. Refuses control characters, which would be further commands to Asterisk."""
        settings = {
            "SANDBOX_KEYS": self.keys,
            "SANDBOX_KEYS_AFTER_S": f"{self.keys_after_s:g}",
            "SANDBOX_STAY_S": f"{self.stay_s:g}",
            **self.variables,
        }
        name = self.name.replace('"', "'")
        lines = [
            f"Channel: Local/{self.dialled}@{self.context}/n",
            f'CallerID: "{name}" <{self.number}>',
            f"WaitTime: {self.answer_timeout_s}",
            "Context: sandbox-callers",
            "Extension: caller",
            "Priority: 1",
            *(f"Setvar: {name}={value}" for name, value in settings.items()),
        ]
        if any(ord(letter) < 32 for line in lines for letter in line):
            raise ValueError(f"a caller may not hold control characters: {self!r}")
        return "\n".join(lines) + "\n"

    def drop_into(self, spool: Path) -> None:
        """Hand the file over in one move, so that Asterisk never reads half of it."""
        name = f"kefu-{os.getpid()}-{next(_numbers)}.call"
        unfinished = spool / "tmp" / name
        unfinished.write_text(self.text(), encoding="utf-8")
        unfinished.rename(spool / "outgoing" / name)
