"""Walks a published menu: performs its steps, follows the way of each outcome, and always ends somewhere.

Every menu is walked by this one flow. Pure. A caller who keeps pressing keys is asked MOST_ROUNDS questions at most;
from then on every question is taken as if it had run out of tries, and those ways never go round (checking sees to it).
"""

from __future__ import annotations

from agi.answers import Caller
from agi.endings import Goodbye
from agi.menu.hearing import before_yes_or_no
from agi.menu.tree import (
    BACK,
    Choose,
    Collect,
    Leave,
    LookUp,
    Menu,
    Node,
    Note,
    Pass,
    Promise,
    RecordVoice,
    Retry,
    Run,
    Say,
    Survey,
    When,
)
from agi.steps import (
    KEYS,
    Ask,
    AskDialled,
    At,
    BookCallback,
    FindCaller,
    Flow,
    Record,
    RunStep,
    SayDigits,
    SetLanguage,
    TakeSurvey,
    UseMenu,
)

from .known import CallKnown, Way

MOST_ROUNDS = 20
NEXT_DIGIT_S = 4.0


def walk(menu: Menu) -> Flow:
    """One call, from the first step to where it goes next."""
    return (yield from _Walk(menu).run())


class _Walk:
    """What one caller's way through the menu has to remember."""

    def __init__(self, menu: Menu) -> None:
        self.menu = menu
        self.known = CallKnown(menu)
        self.heard: list[str] = []
        self.tries: dict[str, int] = {}
        self.retrying = False
        self.promised = False
        self.rounds = 0

    def run(self) -> Flow:
        yield UseMenu(self.menu.name, self.menu.version)
        caller: Caller = yield FindCaller()
        dialled: str = yield AskDialled()
        yield SetLanguage(self.known.begin(caller, dialled))
        at = self.menu.start
        while True:
            node = self.menu.nodes[at]
            if not isinstance(node.act, Pass | Retry | Note):
                yield At(node.id)
            if isinstance(node.act, Leave):
                # Who was told what they asked for has been served.
                ending = node.act.ending
                if isinstance(ending, Goodbye):
                    return Goodbye(served=self.known.told or self.promised, promised=self.promised)
                return ending
            way = yield from self.perform(node)
            at = self.follow(node, way)

    def follow(self, node: Node, way: str) -> str:
        """The id of the step that this outcome leads to."""
        if way == "anew":
            return node.id
        if way == "out_of_tries" and isinstance(node.act, Choose | Collect):
            node = self.menu.nodes[f"{node.id}/retry"]
        target = node.ways[way]
        if target != BACK:
            return target
        here = node.id if isinstance(node.act, Choose | Collect) else node.within
        if len(self.heard) > 1 and self.heard[-1] == here:
            self.heard.pop()
        return self.heard[-1] if self.heard else self.menu.start

    def perform(self, node: Node) -> Way:
        """Do one step and name the outcome."""
        match node.act:
            case Say(said=said, whole=whole):
                yield from self.known.say(said, whole or before_yes_or_no(self.menu.nodes, node))
            case Note() as note:
                yield from self.known.note(note)
            case Choose() | Collect():
                return (yield from self.question(node))
            case Retry(question=question):
                return self.count_try(question)
            case LookUp() as lookup:
                return (yield from self.known.look_up(lookup))
            case When() as when:
                return "then" if (yield from self.known.holds(when)) else "else"
            case Run(step=step, within_ms=within_ms, sets=sets):
                known = {**self.known.facts, "language": self.known.language}
                answer: dict[str, str] | str = yield RunStep(step, known, within_ms)
                if isinstance(answer, str):
                    return "unavailable"
                self.known.facts.update({name: answer[name] for name in sets if name in answer})
            case RecordVoice(name=name, most_s=most_s):
                recorded: str = yield Record(name, most_s)
                return "next" if recorded == "recorded" else "nothing"
            case Promise(queue=queue, number=number):
                wanted = self.known.facts.get(number, "") if number else self.known.caller.number_e164
                booked: str = yield BookCallback(queue, wanted or None)
                self.promised = self.promised or booked == "booked"
                return "booked" if booked == "booked" else "not_offered"
            case Survey(name=name):
                taken: str = yield TakeSurvey(name)
                return "next" if taken == "done" else "not_offered"
        return "next"

    # Questions ------------------------------------------------------------------------------------------------------

    def question(self, node: Node) -> Way:
        """Ask, unless this caller has been asked too much already."""
        if not self.retrying:
            self.tries[node.id] = 0
        self.retrying = False
        if not self.heard or self.heard[-1] != node.id:
            self.heard.append(node.id)
        self.rounds += 1
        if self.rounds > MOST_ROUNDS:
            return "out_of_tries"
        if isinstance(node.act, Collect):
            return (yield from self.collect(node.act))
        assert isinstance(node.act, Choose)
        offered = "".join(way[-1] for way in node.ways if way.startswith("key "))
        key: str = yield Ask(self.known.prompts(node.act.ask), offered, node.act.timeout_s, ahead=node.act.ahead)
        if not key:
            return "silence"
        return f"key {key}" if key in offered else "wrong_key"

    def count_try(self, question: str) -> str:
        self.tries[question] = self.tries.get(question, 0) + 1
        act = self.menu.nodes[question].act
        if isinstance(act, Choose | Collect) and self.tries[question] < act.tries:
            self.retrying = True
            return "again"
        return "out_of_tries"

    def collect(self, act: Collect) -> Way:
        """Digits until # or the last one; read back and confirmed where the menu wants it."""
        digits = ""
        prompts, timeout_s = self.known.prompts(act.ask), act.timeout_s
        while len(digits) < act.most:
            key: str = yield Ask(prompts, KEYS, timeout_s, act.secret)
            if key == "*":
                return "key *"
            if key in ("", "#"):
                if not digits and not key:
                    return "silence"
                break
            digits += key
            prompts, timeout_s = (), min(act.timeout_s, NEXT_DIGIT_S)
        if len(digits) < act.least:
            return "wrong_key"
        if act.read_back or act.confirm:
            whole = bool(act.confirm)  # what is confirmed must have been heard
            yield from self.known.say(act.read_back, whole)
            yield SayDigits(digits, whole)
        if act.confirm:
            key = yield Ask(self.known.prompts(act.confirm), "12", act.timeout_s, ahead="")
            if key != "1":
                return {"": "silence", "2": "anew", "*": "key *"}.get(key, "wrong_key")
        self.known.facts[act.into] = digits
        return "done"
