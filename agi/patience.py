"""When the CRM does not answer: how long callers go on asking it, and what may be said from memory meanwhile.

Asking. Each kind of question has a breaker. After MOST_FAULTS answers in a row that were late or failed nobody asks it
for REST_S: each caller would wait the whole time limit for nothing. Then one caller's question is the trial: answered,
all ask again; not answered, all rest again.

Memory. An answer that came in time is remembered if being a bit old does a caller no harm, and is only used while no
new one is to be had: whose number this is and whether it is let in (a customer keeps a number for years), and whose
printed number it is: MEMORY_S each. Never an order, a case, a balance, a route or a stranger's answer: those are spoken
as facts of this moment, so without an answer the caller hears that, and is led to a person. Opening hours have a memory
of their own (agi/doors.py). Used by the desk of each call; one instance a server. Pure: told the time.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, TypeVar

from msgspec import Struct

_Answer = TypeVar("_Answer")

MOST_FAULTS = 3
REST_S = 5.0
MEMORY_S = {"find_caller": 600.0, "find_customer": 600.0}
MOST_REMEMBERED = 20_000


class _Breaker(Struct):
    faults: int = 0
    rests_until: float = 0.0


class _Remembered(Struct, frozen=True):
    answer: Any
    until: float


class Patience:
    """What the questions of all calls have met lately. `now`: seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._breakers: dict[str, _Breaker] = {}
        self._memory: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()

    @property
    def resting(self) -> list[str]:
        """Kinds of questions that are not asked, or only for trial."""
        return sorted(question for question, each in self._breakers.items() if each.faults >= MOST_FAULTS)

    def may_ask(self, question: str, now: float) -> bool:
        """Whether this caller asks. True in a rest's end is the trial: the others rest on until it is answered."""
        breaker = self._breakers.get(question)
        if breaker is None or breaker.faults < MOST_FAULTS:
            return True
        if now < breaker.rests_until:
            return False
        breaker.rests_until = now + REST_S
        return True

    def failed(self, question: str, now: float) -> bool:
        """No answer in time. True when this was the one that began a rest."""
        breaker = self._breakers.setdefault(question, _Breaker())
        breaker.faults += 1
        if breaker.faults >= MOST_FAULTS:
            breaker.rests_until = now + REST_S
        return breaker.faults == MOST_FAULTS

    def answered(self, question: str, about: str | None, answer: Any, now: float) -> None:
        """An answer came in time."""
        self._breakers.pop(question, None)
        keep_s = MEMORY_S.get(question)
        if keep_s is None or about is None:
            return
        self._memory[question, about] = _Remembered(answer, now + keep_s)
        self._memory.move_to_end((question, about))
        if len(self._memory) > MOST_REMEMBERED:
            self._memory.popitem(last=False)

    def remembered(self, question: str, about: str | None, otherwise: _Answer, now: float) -> _Answer:
        """What was answered not long ago, else what is safe to say without an answer."""
        found = self._memory.get((question, about or ""))
        if found is None or now >= found.until:
            return otherwise
        answer: _Answer = found.answer
        return answer
