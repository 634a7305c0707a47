"""Performs a flow's steps on a line, one after another: the only place where words become AGI commands.

Called by the server (in a call's greenlet) and by the classic script. The dialplan has set a safe ending before;
`leave` overwrites NEXT_STEP last, so that a call that breaks off anywhere goes where the dialplan sends it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from . import speaking
from .answers import Caller, Routed
from .endings import Ending, Goodbye, JoinQueue, Ring, Transfer
from .key_ahead import KeyAhead
from .leaving import ENDINGS, joined, variables
from .phone_line import NoAgiPeer, PhoneLine
from .questions import Desk, answer_of
from .steps import (
    KEYS,
    LANGUAGES,
    Ask,
    AskDialled,
    AskIfOpen,
    AskTime,
    At,
    BookCallback,
    CallerBlocked,
    CallerHungUp,
    FindCaller,
    Flow,
    Play,
    Record,
    Remember,
    RunStep,
    SetLanguage,
    Statement,
    Step,
    Told,
    UseMenu,
)
from .visit_notes import VisitNotes

if TYPE_CHECKING:
    from crm.tables.visits import VisitEnding

    from .doors import Doors  # only named: the classic script, a process a call, loads no database

SOUNDS = "kefu"
# Against a frozen server Asterisk takes the call back when the lease runs out: so long after the step should be over.
LEASE_OVER_S = 4.0
LONGEST_PROMPT_S = 13.0  # a prompt lasts 12 s at most
LONGEST_QUESTION_S = 1.0  # where the desk does not say
SILENCE_ENDS_S = 5
HEARD_SAMPLES = 8_000 * (SILENCE_ENDS_S + 1)  # so long and no more is nothing said
UNTOLD = "x"
_MISSING: set[tuple[str, str]] = set()  # said once for each, not once a caller
_log = structlog.get_logger("agi.player")


def play_out(flow: Flow, line: PhoneLine, desk: Desk, notes: VisitNotes, doors: Doors | None = None) -> Ending | None:
    """Play a flow to its end and leave the line where it says. None when the caller hung up or the flow broke.

    doors: which queues let callers in now; without them all do that the flow leads to."""
    player = _Player(line, desk, notes, doors=doors)
    try:
        ending = player.let_in(player.play(flow))
        routed = player.route(ending)
        if isinstance(ending, JoinQueue | Ring | Transfer):
            # The card must know before a phone rings; where none does, the caller does not wait for the writing.
            desk.learn(notes)
            notes.learnt = True
        player.announce(routed)
        player.leave(ending, routed)
    except CallerBlocked as blocked:
        return player.turn_away(str(blocked))
    except CallerHungUp:
        notes.close("hung_up", served=player.served)
        return None
    except NoAgiPeer:
        notes.close("failed", served=False)
        raise
    except Exception:  # noqa: BLE001 - a bug in a flow must not strand its caller
        # Our fault. The caller must not pay for it: the dialplan's own ending stands.
        _log.exception("a flow broke", flow=notes.flow)
        notes.close("failed", served=False)
        return None
    finally:
        flow.close()
    promised = isinstance(ending, Goodbye) and ending.promised
    word: VisitEnding = "callback" if promised else ENDINGS[type(ending)]
    notes.close(word, served=isinstance(ending, Goodbye) and ending.served)
    return ending


class _Player:
    """One call's line, desk and notes while a flow is played on them."""

    def __init__(
        self,
        line: PhoneLine,
        desk: Desk,
        notes: VisitNotes,
        monotonic: Callable[[], float] = time.monotonic,
        doors: Doors | None = None,
    ) -> None:
        self.line = line
        self.desk = desk
        self.notes = notes
        self.doors = doors
        self.served = False
        self.ahead = KeyAhead()
        self._monotonic = monotonic
        self._leased_until = 0.0
        self._language = "en"

    def play(self, flow: Flow) -> Ending:
        answer: Any = None
        try:
            while True:
                step = flow.send(answer)
                answer = self.perform(step)
        except StopIteration as end:
            ending: Ending = end.value
            return ending

    def perform(self, step: Step) -> Any:
        """Do one step and return its answer."""
        self.ahead.outlived(step)
        if isinstance(step, Statement):
            return self.state(step)
        match step:
            case Ask():
                return self.ask(step)
            case SetLanguage(language=language):
                self.line.set_variable("CHANNEL(language)", language)
                self._language = self.notes.language = language
            case Remember(matter=matter):
                self.notes.matter = matter
                self.line.set_variable("MATTER", matter)
            case UseMenu() | At():
                self.note(step)
            case AskDialled():
                return self.line.env.get("agi_extension", "")
            case Record(name=name, most_s=most_s):
                return self.record(name, most_s)
            case FindCaller():
                return self.meet()
            case BookCallback():
                return self.promise(step)
            case _:
                if not isinstance(step, AskIfOpen | AskTime):  # known at once
                    self.renew_lease(step.within_ms / 1000 if isinstance(step, RunStep) else self.question_s)
                return self.answer(step)
        return None

    def meet(self) -> Caller:
        """Who calls; a number that is not let in goes no further."""
        self.renew_lease(self.question_s)
        caller = self.desk.find_caller()
        self.notes.number_e164, self.notes.customer_id = caller.number_e164, caller.customer_id
        if caller.blocked is not None:
            raise CallerBlocked(caller.blocked)
        return caller

    def promise(self, step: BookCallback) -> str:
        """Asked for in a queue, the place is kept."""
        self.renew_lease(self.question_s)
        queue, language, since = step.queue, self.notes.language, None
        if not queue:  # by a key, out of a queue: what is known of it stands on the channel
            queue, language = str(self.line.get_variable("QUEUE")), str(self.line.env.get("agi_language", ""))[:2]
            joined = str(self.line.get_variable("JOINED"))
            since = int(joined) if joined.isascii() and joined.isdecimal() and len(joined) < 12 else None
        booked = self.desk.book_callback(BookCallback(queue, step.number, language or None, since))
        self.notes.step("callback", why=booked)
        return booked

    def note(self, step: UseMenu | At) -> None:
        """Where the caller is, for the visit."""
        if isinstance(step, At):
            self.notes.place = step.place
        else:
            self.notes.menu_version = step.version

    def hear(self, step: str, prompts: tuple[str, ...], keys: str = "") -> str:
        """Play prompts until a key of `keys` is pressed; return that key, or ""."""
        for prompt in prompts:
            self.renew_lease(LONGEST_PROMPT_S)
            self.notes.step(step, prompt)
            key: str = self.line.stream_file(f"{SOUNDS}/{prompt}", keys)
            if key:
                return key
            if self.line.played_nothing:
                # The call goes on without it.
                self.notes.missing_prompts += 1
                if (prompt, self._language) not in _MISSING:
                    _MISSING.add((prompt, self._language))
                    _log.warning("a prompt is missing in Asterisk", prompt=prompt, language=self._language)
        return ""

    def state(self, step: Statement) -> str:
        """Something said; the key that stopped it, also one from before, is kept for the next question."""
        said = ("play", step.prompts) if isinstance(step, Play) else ("say", speaking.spoken(step, self._language))
        if step.whole:
            stopped = self.hear(*said)
        else:
            if not self.ahead.stands_against(step):
                self.ahead.key = self.hear(*said, KEYS)
            stopped = self.ahead.key
        self.served = self.served or (isinstance(step, Told) and not stopped)
        return stopped

    def ask(self, step: Ask) -> str:
        """Prompts that any key interrupts, then waiting for one; a key from before answers at once."""
        key = self.ahead.taken_by(step)
        if not key:
            if not step.ahead:
                self.line.forget_keys()
            key = self.hear("ask", step.prompts, KEYS)
        if not key:
            self.renew_lease(step.timeout_s + 2.0)
            key = self.line.wait_for_digit(int(step.timeout_s * 1000))
        self.notes.step("pressed" if key else "silence", pressed=(UNTOLD if step.secret else key) or None)
        return key

    def record(self, name: str, most_s: int) -> str:
        """What the caller says, into a file of Asterisk's spool folder under the call's own id."""
        self.renew_lease(most_s + 5.0)
        spool = self.line.get_full_variable("${ASTSPOOLDIR}")
        call = "".join(sign for sign in self.notes.uniqueid if sign.isalnum() or sign in ".-")
        self.notes.step("record", f"kefu-{name}-{call}")
        samples = self.line.record(f"{spool}/kefu-{name}-{call}", most_s, SILENCE_ENDS_S)
        return "recorded" if samples > HEARD_SAMPLES else "nothing"

    @property
    def question_s(self) -> float:
        """How long a question to the desk may take."""
        said: float = getattr(self.desk, "budget_s", LONGEST_QUESTION_S)
        return said

    def renew_lease(self, needed_s: float, longest_s: float = LEASE_OVER_S + 1.0) -> None:
        """Keep the call from being taken back while we are alive: for the next command, and little longer, so that a
        caller is soon with a person when we freeze in it."""
        now = self._monotonic()
        left_s = self._leased_until - now
        if not needed_s + 1.0 <= left_s <= needed_s + longest_s:
            lease_s = math.ceil(needed_s + LEASE_OVER_S)
            self.line.set_variable("TIMEOUT(absolute)", lease_s)
            self._leased_until = now + lease_s

    def answer(self, step: Step) -> Any:
        """Whether we are open say the doors, where there are any; all else the desk."""
        if isinstance(step, AskIfOpen) and self.doors is not None:
            self.notes.closed_why = self.doors.closed_why()
            return self.notes.closed_why is None
        return answer_of(step, self.desk)

    def let_in(self, ending: Ending) -> Ending:
        """What the doors say of where the flow led."""
        if self.doors is None:
            return ending
        met = self.doors.met(ending)
        self.hear("say", met.prompts)
        if met.closed_why is not None:
            self.notes.closed_why = met.closed_why
        return met.ending

    def route(self, ending: Ending) -> Routed:
        """Into a queue: with which credit, whom first, and what the caller is told. Other endings need nothing."""
        join = joined(ending)
        if join is None:
            return Routed()
        self.renew_lease(2 * self.question_s)  # and the writing of what was learnt
        return self.desk.route(join, self.notes)

    def announce(self, routed: Routed) -> None:
        """Before the wait, never in it: in Asterisk an announcement holds up whoever is next."""
        if routed.announce is not None:
            self.hear("announce", speaking.wait(*routed.announce))

    def turn_away(self, why: str) -> Ending | None:
        """A number on the block list hears one sentence and the call ends. In both languages: none was chosen."""
        self.notes.step("blocked", why=why)
        ending = Goodbye(served=False)
        try:
            for language in LANGUAGES:
                self.line.set_variable("CHANNEL(language)", language)
                self.hear("say", ("not-connected",))
            self.leave(ending, Routed())
        except CallerHungUp:
            return None
        finally:
            self.notes.close("blocked", served=False)
        return ending

    def leave(self, ending: Ending, routed: Routed) -> None:
        """Tell the dialplan where the call goes. NEXT_STEP is set last: until then the preset ending stands."""
        self.renew_lease(1.0, longest_s=math.inf)
        for name, value in variables(ending, routed):
            self.line.set_variable(name, value)
        self.notes.step(f"leave_{ENDINGS[type(ending)]}")
