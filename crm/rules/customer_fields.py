"""What may stand in the fields of a customer or an organisation, whichever door it comes through.

Called by the subjects (pages, command line) and by the reading of files. Pure: a fault is one sentence that names the
field and says how to mend it.
"""

from __future__ import annotations

from collections.abc import Mapping

LONGEST: Mapping[str, int] = {
    "code": 40,
    "name": 200,
    "company": 200,
    "organisation": 200,
    "role": 100,
    "note": 4000,
}
NEEDED = frozenset({"code", "name"})


class FieldFault(ValueError):
    """A field holds what it cannot keep. The message is whole."""


def clean(field: str, value: str) -> str:
    """The text as it is kept: trimmed, of one line but for notes. Raises FieldFault."""
    text = value.replace("\r\n", "\n").strip()
    if field in NEEDED and not text:
        raise FieldFault(f"{field}: it is empty, and everybody has one: write it")
    if len(text) > LONGEST[field]:
        raise FieldFault(f"{field}: it has {len(text)} characters, and {LONGEST[field]} fit: shorten it")
    if any(not (character.isprintable() or (field == "note" and character in "\n\t")) for character in text):
        raise FieldFault(f"{field}: it holds a control character, which nobody can see: type it anew")
    return text


def one_of(field: str, value: str, words: tuple[str, ...]) -> str:
    """One of a closed list of words. Raises FieldFault naming them."""
    if value not in words:
        raise FieldFault(f"{field}: {value!r} is unknown: it is one of {', '.join(words)}")
    return value
