"""Marked YAML → the value a word may have, or a fault at its line: one method a Kind of words.py.

Called by step_reading.py. Names reach the dialplan as channel variables, so nothing that Asterisk would evaluate may
stand in one; addresses and texts are kept as written and never evaluated.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from agi.steps import KEYS, LANGUAGES, Spoken

from .codes import Code, Faults
from .known import Known
from .reading import Marked
from .tree import OTHER_LANGUAGE, Said
from .words import ANSWER_TYPES, CONDITIONS, FACTS, SPOKEN, TOLD, Kind, Word

_SMALL = ("[a-z][a-z0-9_]{0,39}", 'small letters, digits and "_", a letter first (at most 40)')
_SHAPES = {
    "a queue": _SMALL,
    "a voicemail box": _SMALL,
    "a matter": _SMALL,
    "a part": _SMALL,
    "a variable": _SMALL,
    "a name": _SMALL,
    "a registered step": _SMALL,
    "an extension": ("[0-9]{1,20}", "digits (at most 20)"),
    "a seat": ("[0-9]{1,20}|last_agent", "digits (at most 20), or last_agent"),
    "a number": (r"\+?[0-9]{0,20}\*?", 'digits, "+" before and "*" after them'),
}
_WHAT = {
    Kind.BOX: "a voicemail box",
    Kind.MATTER: "a matter",
    Kind.NAME: "a name",
    Kind.EXTENSION: "an extension",
    Kind.SEAT: "a seat",
}
_IN_URL = re.compile(r"\{([^{}]*)\}")
MOST_TEXT = 200
Range = tuple[int, int]


class Values:
    """Values of one file, and which variables, queues and calendars they speak of."""

    def __init__(self, faults: Faults, known: Known) -> None:
        self.faults = faults
        self.known = known
        self.languages: tuple[str, ...] = LANGUAGES
        self.calendars: frozenset[str] = frozenset()
        self.calendars_used: set[str] = set()
        self.set_here: set[str] = set(FACTS)
        self.used: list[tuple[str, int]] = []
        self.prompts_used: set[str] = set()

    # Plain values ------------------------------------------------------------------------------------------------

    def text(self, marked: Marked, word: str, shape: str = "one word") -> str:
        if isinstance(marked.value, str) and len(marked.value) <= MOST_TEXT:
            return marked.value
        self.faults.add(Code.E_SHAPE, marked.line, word=word, shape=shape)
        return ""

    def mapping(
        self, marked: Marked, word: str, shape: str = "a list of names, each with what it means"
    ) -> dict[str, Marked]:
        if isinstance(marked.value, dict):
            return marked.value
        self.faults.add(Code.E_SHAPE, marked.line, word=word, shape=shape)
        return {}

    def listed(self, marked: Marked) -> list[Marked]:
        """One value or a list of them; an empty value is none."""
        if isinstance(marked.value, list):
            return marked.value
        return [] if marked.value == "" else [marked]

    def name(self, marked: Marked, what: str, word: str) -> str:
        name = self.text(marked, word)
        pattern, shape = _SHAPES[what]
        if isinstance(marked.value, str) and not re.fullmatch(pattern, name):
            self.faults.add(Code.E_NAME, marked.line, word=name, what=what, shape=shape)
        return name

    def plain(self, word: Word, marked: Marked) -> str:
        """Kinds that are a name and nothing else."""
        return self.name(marked, _WHAT[word.kind], word.name)

    def number(self, word: Word, marked: Marked) -> int | float:
        text = self.text(marked, word.name)
        whole = not word.name.startswith("timeout")
        if re.fullmatch(r"\d{1,6}" if whole else r"\d{1,4}(\.\d{1,3})?", text):
            value = int(text) if whole else float(text)
            if word.least <= value <= word.most:
                return value
        self.faults.add(Code.E_NUMBER, marked.line, word=word.name, least=word.least, most=word.most)
        return word.least

    def yes(self, word: Word, marked: Marked) -> bool:
        text = self.text(marked, word.name).lower()
        if text not in ("yes", "true", "no", "false"):
            self.faults.add(Code.E_CHOICE, marked.line, word=word.name, value=text, words="yes, no")
        return text in ("yes", "true")

    def choice(self, word: Word, marked: Marked) -> str:
        text = self.text(marked, word.name)
        text = {"true": "yes", "false": "no"}.get(text, text)
        if text not in word.choices and isinstance(marked.value, str):
            self.faults.add(Code.E_CHOICE, marked.line, word=word.name, value=text, words=", ".join(word.choices))
        return text

    def language(self, word: Word, marked: Marked) -> str:
        more = (OTHER_LANGUAGE,) if word.kind is Kind.NEW_LANGUAGE else ()
        name = self.text(marked, word.name)
        if name not in (*self.languages, *more):
            self.faults.add(Code.E_LANGUAGE, marked.line, word=name, words=", ".join((*self.languages, *more)))
            return self.languages[0]
        return name

    def digits(self, word: Word, marked: Marked) -> Range:
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", self.text(marked, word.name))
        if match:
            least, most = int(match[1]), int(match[2] or match[1])
            if 1 <= least <= most <= 32:
                return least, most
        self.faults.add(Code.E_SHAPE, marked.line, word=word.name, shape="how many digits, such as 6 or 4-12 (1 to 32)")
        return 1, 1

    # Names of things elsewhere ------------------------------------------------------------------------------------

    def queue(self, word: Word, marked: Marked) -> str:
        name = self.name(marked, "a queue", word.name)
        queues = self.known.queues
        if queues is not None and name and re.fullmatch(_SMALL[0], name) and name not in queues:
            self.faults.add(
                Code.E_QUEUE, marked.line, word=name, instead="the reception", words=", ".join(sorted(queues))
            )
        return name

    def run(self, word: Word, marked: Marked) -> str:
        name = self.name(marked, "a registered step", word.name)
        if name not in self.known.steps:
            words = ", ".join(sorted(self.known.steps)) or "none yet"
            self.faults.add(Code.E_RUN, marked.line, word=name, words=words)
        return name

    def prompts(self, word: Word, marked: Marked) -> Said:
        """Prompts that exist in every language of the file, and values to speak."""
        return tuple(self.one_prompt(item, word.name) for item in self.listed(marked))

    def one_prompt(self, item: Marked, word: str) -> str | Spoken:
        if isinstance(item.value, dict):
            return self.spoken(item)
        key = self.text(item, word, "a prompt's key, or a list of them")
        written = self.known.prompts.get(key)
        self.prompts_used.add(key)
        if written is None:
            if isinstance(item.value, str):
                self.faults.add(Code.E_PROMPT, item.line, word=key)
            return key
        for language in self.languages:
            if language not in written:
                self.faults.add(Code.E_PROMPT_LANGUAGE, item.line, word=key, language=language)
            elif why := self.known.silent.get((key, language)):
                self.faults.add(Code.E_SOUND, item.line, word=f"{key} {language}", what=why)
        return key

    def spoken(self, item: Marked) -> Spoken:
        entries = self.mapping(item, "say")
        for kind, marked in entries.items():
            if kind not in SPOKEN or len(entries) != 1:
                words = ", ".join(SPOKEN)
                self.faults.add(Code.E_WORD, marked.line, word=kind, place="a value to speak", words=words)
                continue
            name = self.text(marked, kind)
            if kind == "tell" and name not in TOLD:
                self.faults.add(Code.E_CHOICE, marked.line, word=kind, value=name, words=", ".join(TOLD))
            else:
                self.used.append((name, marked.line))
            return Spoken(kind, name)
        if not entries:
            self.faults.add(Code.E_SHAPE, item.line, word="say", shape="a prompt's key, or a value to speak")
        return Spoken("digits", "")

    def variable(self, word: Word, marked: Marked) -> str:
        """A variable that is read, or for `into` one that is set."""
        name = self.name(marked, "a variable", word.name)
        if word.name == "into":
            self.set_here.add(name)
        elif name:
            self.used.append((name, marked.line))
        return name

    def variables(self, word: Word, marked: Marked) -> tuple[str, ...]:
        names = tuple(self.name(item, "a variable", word.name) for item in self.listed(marked))
        self.set_here.update(names)
        return names

    def values(self, word: Word, marked: Marked) -> dict[str, str]:
        found = {}
        for name, value in self.mapping(marked, word.name).items():
            self.name(Marked(value.line, name), "a variable", word.name)
            found[name] = self.text(value, name, "a text")
            self.set_here.add(name)
        return found

    def answer(self, word: Word, marked: Marked) -> dict[str, str | list[str]]:
        """Fields of an HTTP answer: each a type, or the list of the texts it may be."""
        found: dict[str, str | list[str]] = {}
        for name, value in self.mapping(marked, word.name).items():
            self.name(Marked(value.line, name), "a variable", word.name)
            self.set_here.add(name)
            if isinstance(value.value, list):
                found[name] = [self.text(item, name) for item in value.value]
                continue
            found[name] = self.text(value, name)
            if found[name] not in ANSWER_TYPES:
                words = ", ".join(ANSWER_TYPES) + ", or a list of texts"
                self.faults.add(Code.E_CHOICE, value.line, word=name, value=str(found[name]), words=words)
        return found

    def url(self, word: Word, marked: Marked) -> str:
        text = self.text(marked, word.name)
        why = ""
        try:
            parts = urlsplit(_IN_URL.sub("x", text))
            local = parts.hostname in ("127.0.0.1", "::1", "localhost")
            if parts.scheme != "https" and not (parts.scheme == "http" and local):
                why = "it must begin with https:// (http:// only on this machine)"
            elif not parts.hostname or "{" in urlsplit(text).netloc:
                why = "its host must be written out"
            elif parts.username is not None or parts.password is not None:
                why = "a name or password does not belong here"
        except ValueError:
            why = "it cannot be read"
        if why:
            self.faults.add(Code.E_URL, marked.line, word=text, why=why)
        self.used.extend((name, marked.line) for name in _IN_URL.findall(text))
        return text

    # Conditions ---------------------------------------------------------------------------------------------------

    def conditions(self, word: Word, marked: Marked) -> dict[str, tuple[str, ...] | dict[str, tuple[str, ...]]]:
        words = {condition.name: condition for condition in CONDITIONS}
        found: dict[str, tuple[str, ...] | dict[str, tuple[str, ...]]] = {}
        entries = self.mapping(marked, word.name, "conditions, such as {hours: open}")
        for name, value in entries.items():
            if name not in words:
                self.faults.add(Code.E_WORD, value.line, word=name, place='"when"', words=", ".join(words))
            elif name == "is":
                found[name] = self.compared(value)
            else:
                found[name] = tuple(self.one_condition(words[name], item) for item in self.listed(value))
                if not found[name]:
                    self.faults.add(Code.E_SHAPE, value.line, word=name, shape="one word or a list of them")
        if not entries and isinstance(marked.value, dict):
            self.faults.add(Code.E_SHAPE, marked.line, word=word.name, shape="conditions, such as {hours: open}")
        return found

    def compared(self, marked: Marked) -> dict[str, tuple[str, ...]]:
        found = {}
        for name, value in self.mapping(marked, "is").items():
            self.used.append((name, value.line))
            found[name] = tuple(self.text(item, name) for item in self.listed(value))
        return found

    def one_condition(self, word: Word, item: Marked) -> str:
        if word.name == "calendar":
            name = self.text(item, word.name)
            self.calendars_used.add(name)
            if name not in self.calendars:
                words = ", ".join(sorted(self.calendars)) or "none yet"
                self.faults.add(Code.E_CALENDAR, item.line, word=name, words=words)
            return name
        if word.kind is Kind.CHOICE:
            return self.choice(word, item)
        if word.kind is Kind.TEXT:
            return self.name(item, "a number", word.name)
        return self.plain(word, item)


def keys_of(text: str) -> str:
    """The keys that one entry of `keys` stands for: "1", or a row such as "1-3". Empty: no key."""
    if len(text) == 1 and text in KEYS:
        return text
    match = re.fullmatch(r"([0-9])-([0-9])", text)
    if match and match[1] < match[2]:
        return "".join(str(digit) for digit in range(int(match[1]), int(match[2]) + 1))
    return ""
