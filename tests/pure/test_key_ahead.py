"""Keys pressed while something is said: they stop it, the next question takes them, and nothing unheard is agreed to.

The phone's player and the rehearsal on paper are given the same caller throughout, and must do the same.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import pytest
from forged_caller import arguments
from msgspec import Struct

from agi.answers import Caller, OrderStatus
from agi.flows.call_back import call_back
from agi.flows.menu import walk
from agi.menu.checking import check_menu
from agi.menu.known import Known
from agi.menu.tree import Menu
from agi.paper_desk import Paper, PaperDesk
from agi.phone_line import PhoneLine
from agi.player import play_out
from agi.rehearsal import Press, Rehearsal, describe, given
from agi.shipped import load_menu
from agi.steps import Flow
from agi.visit_notes import VisitNotes

PROMPTS = ("hello", "legal", "bye", "ask-a", "ask-b", "number", "right")
KNOWN = Known(dict.fromkeys(PROMPTS, ("en",)), ("support",), ("cancel",))
PAPER = Paper(
    Caller("+8613800138000", UUID(int=1), "en"),
    datetime(2026, 3, 4, 10, 0),  # noqa: DTZ001 - the wall's clock
    order=OrderStatus("A-1", "shipped", date(2026, 3, 5)),
    callback="booked",
)
HEAD = """\
languages: [en]
defaults:
  wrong_key: again
  silence: again
  out_of_tries: {queue: support}
  human: {queue: support}
  unavailable: {voicemail: support}
  not_offered: next
start: main
parts:
  main:
"""


class Came(Struct, frozen=True):
    """How a call went: what was heard, the keys that counted, where it came out."""

    heard: list[str]
    pressed: str
    ends: str
    served: bool = False


class Phone:
    """A line whose caller presses by the same rule as on paper: in a statement only what is hurried."""

    def __init__(self, press: Press, kept: str = "") -> None:
        self.press = press
        self.heard: list[str] = []
        self.deaf: list[str] = []
        self.kept = kept  # pressed in between, and read by the next command that reads keys
        self.reply = ""

    def write(self, text: str) -> None:
        key = ""
        match arguments(text):
            case ["STREAM", "FILE", prompt, escape, *_]:
                self.heard.append(prompt.removeprefix("kefu/"))
                if not escape:
                    self.deaf.append(self.heard[-1])
                elif self.kept:
                    key, self.kept = self.kept[0], self.kept[1:]
                elif not self.heard[-1].startswith(("ask-", "menu-", "choose-", "number", "right", "callback-number")):
                    key = self.press(0.0)
            case ["WAIT", "FOR", "DIGIT", within_ms]:
                key = self.press(5.0) if int(within_ms) >= 1000 else self.kept[:1]
                self.kept = self.kept.removeprefix(key)
        self.reply = f"200 result={ord(key) if key else 0} endpos=8000\n"

    def readline(self) -> str:
        return self.reply


def on_the_phone(flow: Flow, keys: str, kept: str = "") -> tuple[Came, Phone]:
    phone = Phone(given(keys), kept)
    notes = VisitNotes(node="n", linkedid="1.1", uniqueid="1.1", flow="front_desk")
    ending = play_out(flow, PhoneLine(phone, {"agi_uniqueid": "1.1"}), PaperDesk(PAPER), notes)
    assert ending is not None
    return Came(phone.heard, notes.pressed, describe(ending), notes.served), phone


def on_paper(flow: Flow, keys: str) -> Came:
    lines = list(rehearsal := Rehearsal(flow, {}, given(keys), PaperDesk(PAPER)))
    heard = [prompt for line in lines if line.what == "hears" for prompt in line.prompts]
    pressed = "".join(line.text for line in lines if line.what == "presses")
    assert rehearsal.ending is not None
    return Came(heard, pressed, describe(rehearsal.ending))


def both(menu: Menu, keys: str) -> Came:
    """The call on the phone, which went the same way on paper."""
    came, _ = on_the_phone(walk(menu), keys)
    paper = on_paper(walk(menu), keys)
    assert (came.heard, came.pressed, came.ends) == (paper.heard, paper.pressed, paper.ends)
    return came


def menu_of(steps: str) -> Menu:
    menu, faults = check_menu(HEAD + steps, "m.yaml", KNOWN)
    assert menu is not None, [str(fault) for fault in faults]
    return menu


def test_a_regular_is_not_made_to_listen() -> None:
    came = both(load_menu("front_desk"), "+2")
    assert came == Came(["welcome", "to-support"], "2", "queue support", served=False)


@pytest.mark.parametrize("keys", ["2", "+2", "-+9+2", "1", "1+2", "1+1+2", "1+#", "+1+2", "+7+0", "+#", "+*2", "9+2"])
def test_phone_and_paper_agree_on_the_shipped_menu(keys: str) -> None:
    both(load_menu("front_desk"), keys)


def test_a_spoken_order_is_left_by_a_key_and_counts_as_served_only_when_heard() -> None:
    heard_out = both(load_menu("front_desk"), "1")
    assert heard_out.heard[-4:-3] != ["order-number"]
    assert (heard_out.ends, heard_out.served) == ("goodbye, served", True)
    left = both(load_menu("front_desk"), "1+2")
    assert left.heard[-2:] == ["order-number", "to-support"]
    assert left.ends == "queue support"
    stopped = both(load_menu("front_desk"), "1+#")
    assert (stopped.ends, stopped.served) == ("goodbye, not served", False)


def test_nobody_is_hung_up_by_a_key_pressed_before_the_menu() -> None:
    """Many press # to skip what is said: here it means goodbye, and was not heard to."""
    came = both(load_menu("front_desk"), "+#2")
    assert came.heard[:2] == ["welcome", "menu-order-status"]
    assert came.ends == "queue support"


def test_all_that_is_said_up_to_the_question_gives_way_but_for_what_must_be_heard() -> None:
    menu = menu_of("""\
    - say: [hello, bye]
    - {say: legal, whole: yes}
    - say: hello
    - menu: [ask-a]
      keys: {1: {say: [bye], queue: support}, 2: {end: [legal], whole: yes}}
""")
    assert both(menu, "+1").heard == ["hello", "legal", "bye"]
    assert both(menu, "+1").pressed == "1"
    came, phone = on_the_phone(walk(menu), "2")
    assert (came.heard, phone.deaf) == (["hello", "bye", "legal", "hello", "ask-a", "legal"], ["legal", "legal"])


def test_a_yes_is_never_said_to_what_was_not_heard() -> None:
    menu = menu_of("""\
    - say: hello
    - when: {known: yes}
      then: next
    - say: legal
    - ask: [ask-a]
      yes: {end: [bye]}
      no: {queue: support}
""")
    came = both(menu, "+12")
    assert came == Came(["hello", "legal", "ask-a"], "2", "queue support")
    _, phone = on_the_phone(walk(menu), "2")
    assert phone.deaf == ["legal"], "what is said right before the question says what the yes is to"


def test_a_promise_and_a_python_step_are_asked_for_by_a_key_that_was_heard_of() -> None:
    menu = menu_of("""\
    - say: hello
    - menu: [ask-a]
      keys:
        1: {say: bye, goto: promise}
        2: {run: cancel}
        3: {queue: support}
    - end
  promise:
    - {callback: support, booked: {say: bye, end: yes}}
    - end
""")
    assert both(menu, "+11").heard == ["hello", "ask-a", "bye", "bye"]
    assert both(menu, "+11").ends == "goodbye, a callback is promised"
    assert both(menu, "+22").heard[:2] == ["hello", "ask-a"]
    assert both(menu, "+3") == Came(["hello"], "3", "queue support")


def test_who_presses_twice_in_a_queue_hears_what_is_promised() -> None:
    """The second 1 came before anything was said: it lies in Asterisk, and must not book."""
    came, _ = on_the_phone(call_back(), "1", kept="11")
    assert came == Came(["callback-number", "callback-booked"], "1", "goodbye, a callback is promised", served=True)
    stayed, _ = on_the_phone(call_back(), "", kept="1")
    assert stayed.ends == "back to the queue"


def test_what_is_booked_is_said_though_a_key_was_pressed_before() -> None:
    menu = menu_of("    - say: hello\n    - {callback: support, booked: {say: bye, end: yes}}\n    - end\n")
    assert both(menu, "+1").heard == ["hello", "bye"]


def test_digits_may_be_typed_early_and_are_confirmed_when_they_were_heard() -> None:
    menu = menu_of("""\
    - say: hello
    - {collect: [number], into: n, digits: 1-9, read_back: [bye], confirm: [right]}
    - end
""")
    came = both(menu, "+12#+1")
    assert came.heard == ["hello", "bye", "digit-1", "digit-2", "right"]
    _, phone = on_the_phone(walk(menu), "+12#1")
    assert phone.deaf == ["bye", "digit-1", "digit-2"]


def test_a_key_pressed_before_an_ending_is_forgotten() -> None:
    menu = menu_of("    - say: [hello, bye]\n    - {queue: support}\n")
    assert both(menu, "+1") == Came(["hello"], "", "queue support")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{whole: yes, queue: support}", '"whole" lacks "say"'),
        ("{whole: yes}", '"whole" lacks "say"'),
        ("{end: yes, whole: yes}", '"whole" lacks "say"'),
        ("{skip: no}", "this step does nothing"),
    ],
)
def test_a_word_about_nothing_is_a_fault_with_its_line(step: str, said: str) -> None:
    _, faults = check_menu(f"{HEAD}    - {step}\n    - {{queue: support}}\n", "m.yaml", KNOWN)
    first = next(str(fault) for fault in faults if fault.code.startswith("E_"))
    assert first.partition(": ")[2].startswith(said)
