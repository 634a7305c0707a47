"""The one text file of all that callers hear: key → the sentence in each language.

Read by `kefu prompts build|check|script`, by menu checking (which keys exist?) and by `kefu ivr simulate`. Pure but
for being handed the file's text; what is played from it lies in the sound folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from agi import speaking
from agi.flows import call_back
from agi.menu.codes import Code, Fault, Faults
from agi.menu.reading import Marked, read_marked
from agi.menu.tree import Choose, Collect, Menu, Said, Say
from agi.steps import LANGUAGES

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
ANNOUNCEMENTS = "announce-"
"""`kefu queue announce` plays these on an operator's word."""
_IN_DIALPLAN = re.compile(r"\bkefu/([A-Za-z0-9_-]+)")
LONGEST_TEXT = 500

PromptTexts = Mapping[str, Mapping[str, str]]
Lines = Mapping[str, int]


def read_prompts(text: str, file: str) -> tuple[dict[str, dict[str, str]], dict[str, int], list[Fault]]:
    """Texts by key and language, the line of each key, and the faults of the file."""
    faults = Faults(file)
    root = read_marked(text, faults)
    texts: dict[str, dict[str, str]] = {}
    lines: dict[str, int] = {}
    if root is not None and not isinstance(root.value, dict):
        faults.add(Code.E_SHAPE, root.line, word="the file", shape="a list of keys, each with its texts")
    elif root is not None and isinstance(root.value, dict):
        for key, entry in root.value.items():
            lines[key] = entry.line
            texts[key] = _entry(key, entry, faults)
    return texts, lines, sorted(faults.found)


def _entry(key: str, entry: Marked, faults: Faults) -> dict[str, str]:
    if not _KEY.fullmatch(key):
        faults.add(
            Code.E_NAME, entry.line, word=key, what="a prompt", shape='small letters, digits and "-" (at most 40)'
        )
    if not isinstance(entry.value, dict):
        faults.add(Code.E_SHAPE, entry.line, word=key, shape="its text in each language")
        return {}
    found: dict[str, str] = {}
    for language, text in entry.value.items():
        if language not in LANGUAGES:
            faults.add(Code.E_LANGUAGE, text.line, word=language, words=", ".join(LANGUAGES))
        elif not isinstance(text.value, str) or len(text.value) > LONGEST_TEXT:
            faults.add(Code.E_SHAPE, text.line, word=key, shape=f"a text of at most {LONGEST_TEXT} letters")
        elif text.value.strip():
            found[language] = " ".join(text.value.split())
    for language in LANGUAGES:
        if language not in found:
            faults.add(Code.E_TEXT, entry.line, word=key, language=language)
    return found


def compare_with_use(file: str, lines: Lines, used: Iterable[str]) -> list[Fault]:
    """Keys that something plays but the file lacks, and keys that nothing plays (announcements are kept ready)."""
    faults = Faults(file)
    used = set(used)
    for key in sorted(used - lines.keys()):
        faults.add(Code.E_PROMPT, 1, word=key)
    for key in sorted(key for key in lines.keys() - used if not key.startswith(ANNOUNCEMENTS)):
        faults.add(Code.W_UNUSED, lines[key], word=key)
    return sorted(faults.found)


def prompts_of(menu: Menu) -> frozenset[str]:
    """Every key that walking this menu can play, with all that speaking can ask for."""
    keys = {*speaking.every_prompt(), *call_back.PROMPTS}
    for node in menu.nodes.values():
        match node.act:
            case Say(said=said) | Choose(ask=said):
                keys.update(_keys(said))
            case Collect(ask=ask, read_back=read_back, confirm=confirm):
                keys.update(_keys((*ask, *read_back, *confirm)))
    return frozenset(keys)


def prompts_in_dialplan(text: str) -> frozenset[str]:
    """Keys that a dialplan file plays itself (`Playback(kefu/closed)`), comments left out."""
    code = (line.partition(";")[0] for line in text.splitlines())
    return frozenset(key for line in code for key in _IN_DIALPLAN.findall(line))


def _keys(said: Said) -> Iterator[str]:
    return (item for item in said if isinstance(item, str))
