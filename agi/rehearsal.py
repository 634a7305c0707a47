"""A flow played on a terminal: what a caller would hear, as text, for the keys given.

Used by `kefu ivr simulate`. No Asterisk, no database: the caller's record is what the options say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import speaking
from .prompt_texts import PromptTexts
from .steps import (
    Ask,
    AskIfOpen,
    Caller,
    Ending,
    FindCaller,
    Flow,
    Goodbye,
    JoinQueue,
    LookUpOrder,
    Missing,
    OrderStatus,
    Play,
    Remember,
    SayDate,
    SayDigits,
    SayOrder,
    SetLanguage,
    Step,
    Transfer,
    Voicemail,
)

SILENCE = "-"


class Rehearsal:
    """One caller with given keys. Iterating plays the flow and yields (what, text) lines; `ending` is set after."""

    def __init__(
        self, flow: Flow, texts: PromptTexts, keys: str, *, caller: Caller, is_open: bool, order: OrderStatus | Missing
    ) -> None:
        self._flow = flow
        self._texts = texts
        self._keys = list(keys)
        self._caller = caller
        self._open = is_open
        self._order = order
        self._language = "en"
        self.ending: Ending | None = None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        answer: Any = None
        while True:
            try:
                step = self._flow.send(answer)
            except StopIteration as end:
                self.ending = end.value
                yield "ends", describe(end.value)
                return
            yield from self._heard(step)
            answer, told = self._answer(step)
            if told:
                yield told

    def _heard(self, step: Step) -> Iterator[tuple[str, str]]:
        match step:
            case SetLanguage(language=language):
                self._language = language
                yield "language", language
            case Play(prompts=prompts) | Ask(prompts=prompts):
                for prompt in prompts:
                    yield "hears", f"{self._said(prompt)}  [{prompt}]"
            case SayDigits(digits=digits):
                yield "hears", self._sentence(speaking.digits(digits))
            case SayDate(on=on):
                yield "hears", self._sentence(speaking.day(on, self._language))
            case SayOrder(order=order):
                yield "hears", self._sentence(speaking.order(order, self._language))
            case Remember(matter=matter):
                yield "matter", matter

    def _answer(self, step: Step) -> tuple[Any, tuple[str, str] | None]:
        match step:
            case Ask(timeout_s=timeout_s):
                key = self._keys.pop(0) if self._keys else SILENCE
                if key == SILENCE:
                    return "", ("silence", f"{timeout_s:g} s")
                return key, ("presses", key)
            case FindCaller():
                return self._caller, ("caller", self._caller.number_e164 or "number withheld")
            case AskIfOpen():
                return self._open, ("open", "yes" if self._open else "no")
            case LookUpOrder():
                return self._order, None
        return None, None

    def _said(self, prompt: str) -> str:
        return self._texts.get(prompt, {}).get(self._language, "?")

    def _sentence(self, prompts: tuple[str, ...]) -> str:
        return ("" if self._language == "zh" else " ").join(self._said(prompt) for prompt in prompts)


def describe(ending: Ending) -> str:
    """An ending as one phrase."""
    match ending:
        case JoinQueue(queue=queue, credit_s=credit_s):
            return f"queue {queue}" + (f", credited {credit_s} s" if credit_s else "")
        case Voicemail(box=box):
            return f"voicemail {box}"
        case Transfer(to=to):
            return f"transfer to {to}"
        case Goodbye(served=served):
            return "goodbye, " + ("served" if served else "not served")
