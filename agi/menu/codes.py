"""Every fault that a menu or prompts file can have: a code, a file, a line and one sentence saying how to mend it.

Codes are stable: E_ stops publishing and `kefu ivr serve`, W_ is said but stops nothing.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Code(StrEnum):
    """Stable names of faults. The text is the sentence, filled by the finder."""

    E_FILE = "{what}"
    E_YAML = "this is no readable YAML: {what}"
    E_ALIAS = "anchors, aliases and tags are not used here: write the text out"
    E_DEEP = "this is nested deeper than {most} levels: split it into menus"
    E_TWICE = '"{word}" stands twice here: keep one'
    E_SHAPE = '"{word}" must be {shape}'
    E_WORD = '"{word}" is no word of this place: use one of {words}'
    E_LACKS = '{place} lacks "{word}": {why}'
    E_KEY = '"{word}" is no telephone key: use one of 0-9, "*" or "#"'
    E_MENU = 'there is no menu "{word}": write it under "menus", or name one of {words}'
    E_PROMPT = 'there is no prompt "{word}": add it to the prompts file'
    E_LANGUAGE = '"{word}" is no language: use one of {words}'
    E_NAME = '"{word}" is no name for {what}: use {shape}'
    E_NUMBER = '"{word}" must be a number from {least} to {most}'
    E_TWO_ENDS = '"{word}" and "{other}" cannot both follow: keep one'
    E_NO_END = "{place} must end somewhere: name a queue, voicemail, transfer or goodbye"
    E_EMPTY = "{place} says nothing: list at least one prompt"
    W_UNREACHED = 'no key leads to the menu "{word}": take it out or lead to it'
    E_TEXT = 'prompt "{word}" lacks its {language} text'
    W_UNUSED = 'prompt "{word}" is used by no flow and no menu'


class Fault(Struct, frozen=True, order=True):
    """One finding. Printed as `file:line CODE: sentence`, the form editors jump to."""

    file: str
    line: int
    code: str
    sentence: str

    @property
    def stops(self) -> bool:
        """Whether the file must not be used."""
        return self.code.startswith("E_")

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.code}: {self.sentence}"


class Faults:
    """What a check of one file has found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Fault] = []

    def add(self, code: Code, line: int, **words: object) -> None:
        """Note one fault. Text taken from the file is shown shortened and printable: it may be anything."""
        shown = {name: _printable(word) if isinstance(word, str) else word for name, word in words.items()}
        self.found.append(Fault(self.file, line, code.name, code.value.format(**shown)))

    @property
    def stop(self) -> bool:
        """Whether any of them must stop the use of the file."""
        return any(fault.stops for fault in self.found)


def _printable(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= 200 else shown[:199] + "…"
