"""A menu's parts as rows of text, for drawing: what is said, which key does what, where each way leads.

Called by drawing.py, which places the rows. Pure. Texts are those of the prompts file, in the languages asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from agi.endings import BackToQueue, Ending, Goodbye, JoinQueue, Ring, Transfer, Voicemail
from agi.steps import KEYS, Spoken

from .tree import (
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
    Said,
    Say,
    Survey,
    When,
)

PromptTexts = Mapping[str, Mapping[str, str]]
_WAYS = {
    LookUp: ("not_found", "unavailable", "found"),
    When: ("then", "else"),
    Run: ("unavailable",),
    RecordVoice: ("nothing",),
    Promise: ("not_offered", "booked"),
    Survey: ("not_offered",),
}
_LEADS = {"again": "↺", "back": "↩", "next": "↓", "human": "0"}


class Row(Struct, frozen=True):
    """One line of a card. `kind`: heard, question, key, fork, quiet. `ends`: an ending; `leads`: a part's name."""

    kind: str
    text: str
    indent: int = 0
    label: str = ""
    ends: str = ""
    leads: str = ""


class Rows:
    """Rows of one menu."""

    def __init__(self, menu: Menu, texts: PromptTexts, languages: Sequence[str]) -> None:
        self.menu = menu
        self.texts = texts
        self.languages = languages

    def of_part(self, part: str) -> list[Row]:
        """A part from its first step to its last."""
        return list(self.steps(part, 0))

    def steps(self, base: str, indent: int) -> Iterator[Row]:
        for node in self.listed(base):
            yield from self.step(node, indent)

    def listed(self, base: str) -> Iterator[Node]:
        """The nodes of one list of steps, in the order they are walked."""
        number = 1
        while True:
            found = [
                self.menu.nodes[id_] for dots in ("..", ".", "") if (id_ := f"{base}/{number}{dots}") in self.menu.nodes
            ]
            if not found:
                return
            yield from found
            number += 1

    def step(self, node: Node, indent: int) -> Iterator[Row]:
        match node.act:
            case Say(said=said):
                yield from (Row("heard", text, indent) for text in self.heard(said))
                said_last = self.menu.nodes.get(f"{node.id}/said")
                if said_last is not None:
                    yield from self.step(said_last, indent)
            case Note() as note:
                yield Row("quiet", _noted(note), indent)
            case Choose() | Collect():
                yield from self.question(node, indent)
            case Leave(ending=ending):
                yield Row("fork", "", indent, ends=named(ending))
            case Pass(word=word):
                yield self.led(node, Row("fork", "left out" if word == "skip" else "", indent))
            case Retry():
                return
            case _:
                yield Row("fork", asked(node.act), indent)
                for way in _WAYS[type(node.act)]:
                    yield from self.way(node, way, way.replace("_", " "), indent + 1, "fork")

    def question(self, node: Node, indent: int) -> Iterator[Row]:
        act = node.act
        assert isinstance(act, Choose | Collect)
        yield from (Row("question", text, indent) for text in self.heard(act.ask))
        if isinstance(act, Collect):
            digits = f"{act.least}" if act.least == act.most else f"{act.least} to {act.most}"
            yield Row("key", f"{digits} digits → {act.into}", indent, label="…")
        else:
            written = sorted((way for way in node.ways if way.startswith("key ")), key=lambda way: KEYS.index(way[-1]))
            for way in written:
                label = {"key 1": "1 yes", "key 2": "2 no"}.get(way, way[-1]) if act.yes_no else way[-1]
                option = {"key 1": "yes", "key 2": "no"}.get(way, way[-1]) if act.yes_no else way[-1]
                yield from self.way(node, option, label, indent, "key")
        for way in ("wrong_key", "silence"):
            yield from self.way(node, way, way.replace("_", " "), indent, "quiet")
        yield from self.way(node, "out_of_tries", f"after {act.tries}", indent, "quiet")
        uniform = [key for key in "0*#" if f"key {key}" in node.ways and not any(self.listed(f"{node.id}/{key}"))]
        if uniform and isinstance(act, Choose):
            means = {"0": "0 human", "*": "* back", "#": "# end"}
            yield Row("quiet", "   ".join(means[key] for key in uniform), indent)

    def way(self, node: Node, option: str, label: str, indent: int, kind: str) -> Iterator[Row]:
        """One outcome: on one row when it is a plain sentence and a destination, else with rows of its own."""
        inside = list(self.listed(f"{node.id}/{option}"))
        if not inside:
            return
        plain = [one for one in inside if isinstance(one.act, Say | Note | Pass | Leave)]
        if len(plain) != len(inside) or sum(isinstance(one.act, Say) for one in inside) > 1:
            yield Row(kind, "", indent, label=label)
            yield from self.steps(f"{node.id}/{option}", indent + 1)
            return
        texts: list[str] = []
        end = Row(kind, "", indent, label=label)
        for one in inside:
            if isinstance(one.act, Say):
                texts += self.heard(one.act.said)
            elif isinstance(one.act, Note):
                texts.append(_noted(one.act))
            elif isinstance(one.act, Leave):
                end = Row(kind, "", indent, label, ends=named(one.act.ending))
            else:
                end = self.led(one, end)
        bad = label in ("wrong key", "silence")
        text = " · ".join(filter(None, [*texts, end.text])) + (" ↺" if bad and not end.ends and not end.text else "")
        yield Row(kind, text, indent, label, end.ends, end.leads)

    def led(self, node: Node, row: Row) -> Row:
        """Where a word such as goto or again leads."""
        assert isinstance(node.act, Pass)
        if node.act.word == "goto":
            target = self.menu.nodes.get(node.ways["next"])
            return Row(row.kind, row.text, row.indent, row.label, leads=target.part if target else "")
        sign = _LEADS.get(node.act.word, "")
        return Row(row.kind, " ".join(filter(None, (row.text, sign))), row.indent, row.label)

    def heard(self, said: Said) -> list[str]:
        """The sentence in each language."""
        sentences = []
        for language in self.languages:
            words = [
                f"[{item.name}]" if isinstance(item, Spoken) else self.texts.get(item, {}).get(language, item)
                for item in said
            ]
            sentences.append(("" if language == "zh" else " ").join(words))
        return list(dict.fromkeys(sentences))


def named(ending: Ending) -> str:
    """An ending as a label."""
    match ending:
        case JoinQueue(queue=queue, last_agent_s=last):
            return f"last agent, else queue {queue}" if last else f"queue {queue}"
        case Ring(to=to, otherwise=otherwise):
            return f"ring {to}, else queue {otherwise}"
        case Voicemail(box=box):
            return f"voicemail {box}"
        case Transfer(to=to):
            return f"transfer {to}"
        case Goodbye():
            return "goodbye"
        case BackToQueue():
            return "back to the queue"


def _noted(note: Note) -> str:
    parts = [f"matter {note.matter}"] if note.matter else []
    parts += [f"language {note.language}"] if note.language else []
    return ", ".join([*parts, *(f"{name} = {value}" for name, value in note.values.items())])


def asked(act: object) -> str:
    match act:
        case LookUp(what=what, by=by):
            return f"looks up {what}" + (f" by {by}" if by else "")
        case When(conditions=conditions, values=values):
            told = {**conditions, **values}
            return "if " + " and ".join(f"{name} is {' or '.join(words)}" for name, words in told.items())
        case Run(step=step):
            return f"runs {step}"
        case RecordVoice(name=name):
            return f"records {name}"
        case Promise(queue=queue):
            return f"books a callback for {queue}"
        case Survey(name=name):
            return f"survey {name}"
    return type(act).__name__
