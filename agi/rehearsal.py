"""A flow played on a terminal: what a caller would hear, as text, for the keys given.

Used by `kefu ivr simulate`, `rehearse` and `test`. No Asterisk; the desk is one of paper, which answers what it was
told, or the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from . import speaking
from .answers import Caller
from .endings import BackToQueue, Ending, Goodbye, JoinQueue, Ring, Transfer, Voicemail
from .key_ahead import KeyAhead
from .leaving import Met, joined
from .prompt_texts import PromptTexts
from .questions import Desk, answer_of
from .steps import (
    Ask,
    AskDialled,
    AskHttp,
    AskIfOpen,
    At,
    BookCallback,
    FindCaller,
    FindCustomer,
    Flow,
    LookUpBalance,
    LookUpCase,
    LookUpOrder,
    Play,
    Record,
    Remember,
    RunStep,
    SetLanguage,
    Statement,
    Step,
    TakeSurvey,
    UseMenu,
)
from .visit_notes import VisitNotes

if TYPE_CHECKING:
    from .doors import Doors  # only named: whoever simulates without a database loads none of it

SILENCE = "-"
HURRIED = "+"
Press = Callable[[float], str]
"""What the caller presses within so many seconds; "" is nothing. 0: what was pressed while something is said."""


class Line(Struct, frozen=True):
    """One thing that happens on a call. `place`: the step of the menu; `prompts`: the keys of what is heard."""

    what: str
    text: str
    place: str | None = None
    prompts: tuple[str, ...] = ()


class Rehearsal:
    """One caller. Iterating plays the flow and yields its lines as they happen; `ending` is set after."""

    def __init__(
        self,
        flow: Flow,
        texts: PromptTexts,
        press: Press,
        desk: Desk,
        *,
        dialled: str = "",
        doors: Doors | None = None,
    ) -> None:
        """doors: what is closed or announced; without them the flow's own ending stands, and nothing is routed."""
        self._flow = flow
        self._texts = texts
        self._press = press
        self._desk = desk
        self._dialled = dialled
        self._doors = doors
        self._ahead = KeyAhead()
        self._notes = VisitNotes(node="", linkedid="", uniqueid="", flow="")
        self._taken = ""
        self._language = "en"
        self._place: str | None = None
        self.matter: str | None = None
        self.steps: list[Step] = []
        self.ending: Ending | None = None

    def __iter__(self) -> Iterator[Line]:
        answer: Any = None
        while True:
            try:
                step = self._flow.send(answer)
            except StopIteration as end:
                yield from self._leaves(end.value, self._doors)
                return
            self.steps.append(step)
            self._ahead.outlived(step)
            yield from self._heard(step)
            answer = self._answer(step)
            for what, text in _told(step, answer):
                yield Line(what, text, self._place)
            if isinstance(step, FindCaller):
                self._notes.number_e164, self._notes.customer_id = answer.number_e164, answer.customer_id
            if isinstance(answer, Caller) and answer.blocked:
                yield Line("ends", f"turned away: {answer.blocked}")
                return

    def _leaves(self, ending: Ending, doors: Doors | None) -> Iterator[Line]:
        """As the player leaves a call: closings and announcements, then the credit and whom first, then the wait."""
        met = Met(ending) if doors is None else doors.met(ending)
        self.ending = met.ending
        yield from self._prompts(met.prompts)
        if met.closed_why is not None:
            yield Line("closed", f"{describe(ending)}: {met.closed_why}", self._place)
        join = joined(met.ending)
        if join is not None and doors is not None:
            routed = self._desk.route(join, self._notes)
            if routed.credit_s:
                yield Line("credit", routed.why or f"{routed.credit_s} s", self._place)
            if routed.last_agent:
                seat, _, for_s = routed.last_agent.partition("/")
                yield Line("first", f"{seat} for {for_s} s: who served this caller last", self._place)
            if routed.announce is not None:
                prompts = speaking.wait(*routed.announce)
                yield Line("hears", self._sentence(prompts), self._place, prompts)
        yield Line("ends", describe(met.ending), self._place)

    def _prompts(self, prompts: tuple[str, ...]) -> Iterator[Line]:
        for prompt in prompts:
            yield Line("hears", f"{self._said(prompt)}  [{prompt}]", self._place, (prompt,))

    def _heard(self, step: Step) -> Iterator[Line]:
        match step:
            case UseMenu(menu=menu, version=version):
                yield Line("menu", f"{menu}, " + (f"version {version}" if version else "not published"))
            case At(place=place):
                self._place = place
            case SetLanguage(language=language):
                self._language = language
                yield Line("language", language, self._place)
            case Play(prompts=prompts):
                yield from self._prompts(self._said_of(step, prompts))
            case Ask(prompts=prompts):
                self._taken = self._ahead.taken_by(step)
                yield from self._prompts(() if self._taken else prompts)
            case Remember(matter=matter):
                self.matter = matter
                yield Line("matter", matter, self._place)
            case _ if isinstance(step, Statement):
                prompts = self._said_of(step, speaking.spoken(step, self._language))
                if prompts:
                    yield Line("hears", self._sentence(prompts), self._place, prompts)

    def _said_of(self, statement: Statement, prompts: tuple[str, ...]) -> tuple[str, ...]:
        """What is heard of it: nothing when a key was pressed before, no more than its beginning when one is now."""
        if statement.whole or not prompts:
            return prompts
        if self._ahead.stands_against(statement):
            return ()
        self._ahead.key = self._press(0.0)
        return prompts[:1] if self._ahead.key else prompts

    def _answer(self, step: Step) -> Any:
        match step:
            case Ask(timeout_s=timeout_s):
                return self._taken or self._press(timeout_s)
            case AskDialled():
                return self._dialled
            case Record():
                return "recorded"
            case UseMenu() | At() | SetLanguage() | Remember():
                return None
        if isinstance(step, Statement):
            return "" if step.whole else self._ahead.key
        if isinstance(step, AskIfOpen) and self._doors is not None:
            return self._doors.closed_why() is None
        return answer_of(step, self._desk)

    def _said(self, prompt: str) -> str:
        return self._texts.get(prompt, {}).get(self._language, "?")

    def _sentence(self, prompts: tuple[str, ...]) -> str:
        return ("" if self._language == "zh" else " ").join(self._said(prompt) for prompt in prompts)


def given(keys: str) -> Press:
    """Somebody who presses these keys, one at each question, `-` letting one pass; silence follows the last. A key
    behind `+` is pressed before its question, as soon as something is said that it may stop."""
    left = list(keys)

    def press(within_s: float) -> str:
        if left[:1] == [HURRIED]:
            left.pop(0)
        elif not within_s:
            return ""
        key = left.pop(0) if left else SILENCE
        return "" if key == SILENCE else key

    return press


def _told(step: Step, answer: Any) -> Iterator[tuple[str, str]]:
    """What is worth a line of a step's answer."""
    match step:
        case Ask(timeout_s=timeout_s, secret=secret):
            yield ("presses", "x" if secret else answer) if answer else ("silence", f"{timeout_s:g} s")
        case FindCaller():
            yield "caller", answer.number_e164 or "number withheld"
        case AskIfOpen():
            yield "open", "yes" if answer else "no"
        case LookUpOrder() | LookUpCase() | LookUpBalance() | FindCustomer() | AskHttp() | RunStep():
            yield "asks", f"{type(step).__name__}: {answer if isinstance(answer, str) else 'answered'}"
        case BookCallback() | TakeSurvey():
            yield "asks", f"{type(step).__name__}: {answer}"
        case Record(name=name):
            yield "records", name


def describe(ending: Ending) -> str:
    """An ending as one phrase."""
    match ending:
        case JoinQueue(queue=queue, credit_s=credit_s, last_agent_s=last_agent_s):
            first = f", the last agent first for {last_agent_s} s" if last_agent_s else ""
            return f"queue {queue}" + (f", credited {credit_s} s" if credit_s else "") + first
        case Ring(to=to, otherwise=otherwise, for_s=for_s):
            return f"ring {to} for {for_s} s, otherwise queue {otherwise}"
        case Voicemail(box=box):
            return f"voicemail {box}"
        case Transfer(to=to):
            return f"transfer to {to}"
        case Goodbye(promised=True):
            return "goodbye, a callback is promised"
        case Goodbye(served=served):
            return "goodbye, " + ("served" if served else "not served")
        case BackToQueue():
            return "back to the queue"
