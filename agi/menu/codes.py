"""Every fault that a menu, golden-call or prompts file can have: a code, a file, a line, one sentence on mending it.

Codes are stable: E_ stops publishing and `kefu ivr serve`, W_ is said but stops nothing. The table in docs/ivr.md is
held to this list by a test.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Code(StrEnum):
    """Stable names of faults. The text is the sentence, filled by the finder."""

    # The text itself
    E_YAML = "this is no readable YAML: {what}"
    E_EMPTY_FILE = "this file is empty"
    E_LARGE = "this file is larger than {most} bytes: split it"
    E_MANY = "this file has more than {most} steps: split it"
    E_DEEP = "this is nested deeper than {most} levels: make it a part of its own and lead there by its name"
    E_ALIAS = "anchors and aliases are not used here: write the text out"
    E_TAG = "tags (!…) are not used here: write plain text"
    E_TWICE = '"{word}" stands twice here: keep one'
    # Words and values
    E_SHAPE = '"{word}" must be {shape}'
    E_WORD = '"{word}" is no word of {place}: use one of {words}'
    E_NO_ACT = "this step does nothing: it needs one of {words}"
    E_TWO_ACTS = '"{word}" and "{other}" cannot be one step: make them two, or keep one'
    E_LACKS = '{place} lacks "{word}": {why}'
    E_CHOICE = '"{word}" cannot be "{value}": use one of {words}'
    E_NUMBER = '"{word}" must be a number from {least} to {most}'
    E_NAME = '"{word}" is no name for {what}: use {shape}'
    E_RESERVED = '"{word}" has a meaning of its own: give the {what} another name'
    E_LANGUAGE = '"{word}" is no language: use one of {words}'
    E_URL = '"{word}" is no address to ask: {why}'
    E_SPAN = (
        '"{word}" is no time of a calendar: write 2026-02-16, 2026-02-16..2026-02-22, mon-fri or mon-fri 12:00-13:00'
    )
    # What is not there
    E_PART = 'there is no part "{word}": write it under "parts", or name one of {words}'
    E_PROMPT = 'there is no prompt "{word}": add it to the prompts file'
    E_PROMPT_LANGUAGE = 'the prompt "{word}" has no text in {language}: add it to the prompts file'
    E_SOUND = "this prompt would be silence: {what}"
    E_QUEUE = 'there is no queue "{word}": its callers would be sent to {instead}; name one of {words}'
    E_VARIABLE = 'nothing in this file sets "{word}": collect, look up or set it, or name one of {words}'
    E_CALENDAR = 'there is no calendar "{word}": write it under "calendars", or name one of {words}'
    E_RUN = 'no Python step "{word}" is registered: install what brings it, or name one of {words}'
    # Keys
    E_KEY = '"{word}" is no telephone key: use one of 0-9, "*" or "#", or a row such as 1-3'
    E_AMBIGUOUS = 'the key "{key}" has two meanings here: {other} has it already'
    # Where the caller goes
    E_NO_END = "{place} ends nowhere: the caller would fall off here; end with a queue, voicemail, goto or end"
    E_DEAD_END = "{place} leads nowhere: write a step, a part's name, or one of {words}"
    E_LOOP = "this goes round for ever without asking the caller anything: lead out of {parts}"
    E_RETRY = "a caller who presses nothing would go round here for ever: let it end after the tries"
    E_NO_QUESTION = '"{word}" stands in no answer to a question: name the part to go to'
    W_UNREACHED = 'nothing leads to the part "{word}": take it out or lead to it'
    W_AFTER_END = "nothing comes here: the step before never goes on"
    W_UNUSED_CALENDAR = 'no step asks for the calendar "{word}": take it out or use it'
    # The prompts file
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
    """What a check of one file has found so far; a fault is told once a line, however many questions share the line."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Fault] = []
        self._told: set[tuple[int, str, str]] = set()

    def add(self, code: Code, line: int, **words: object) -> None:
        """Note one fault. Text taken from the file is shown shortened and printable: it may be anything."""
        shown = {name: _printable(word) if isinstance(word, str) else word for name, word in words.items()}
        about = str(shown.get("word", ""))
        if (line, code.name, about) in self._told:
            return
        self._told.add((line, code.name, about))
        self.found.append(Fault(self.file, line, code.name, code.value.format(**shown)))

    @property
    def stop(self) -> bool:
        """Whether any of them must stop the use of the file."""
        return any(fault.stops for fault in self.found)


def _printable(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= 200 else shown[:199] + "…"
