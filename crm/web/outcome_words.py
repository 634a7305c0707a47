"""Outcomes as pages show them: their titles and colours in every list, and what a card offers.

Rows, read at most once a second and shared by all who ask meanwhile; a hint makes the next asking read anew. Labels in
lists are those last read. Called by rendering and the desk; fed by app.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from crm import outcomes
from crm.questions import Where

KEPT_S = 1.0


class OutcomeWords:
    """What one process last read."""

    def __init__(self) -> None:
        self._choices: Sequence[outcomes.Choice] = ()
        self._by_code: dict[str, outcomes.Choice] = {}
        self._read_at: float | None = None

    def changed(self) -> None:
        """A hint: read again at the next asking."""
        self._read_at = None

    async def look(self, where: Where) -> OutcomeWords:
        """As of a second ago at most."""
        now = asyncio.get_running_loop().time()
        if self._read_at is None or now - self._read_at > KEPT_S:
            self._choices = await outcomes.listed(where)
            self._by_code = {each.code: each for each in self._choices}
            self._read_at = now
        return self

    def offered(self, queue: str | None) -> list[outcomes.Choice]:
        """What a card of this queue offers."""
        return outcomes.offered(self._choices, queue)

    def title(self, code: str, language: str) -> str:
        """What a code is called; an unknown one is its own name."""
        found = self._by_code.get(code)
        return code if found is None else found.title_zh if language == "zh" else found.title_en

    def tone(self, code: str) -> str:
        """The colour class of its badge."""
        found = self._by_code.get(code)
        return found.tone if found else ""
