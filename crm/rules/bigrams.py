"""Words to be found by, in two scripts: Latin words as they are, Chinese cut into pairs of neighbours.

Chinese writes no blanks between words, and Postgres' parsers know none of them; a pair of characters is nearly always a
word or half of one. `退货` finds `如何退货`, and `货退` does not. Called by whoever writes or searches articles. Pure.
"""

from __future__ import annotations

import re
import unicodedata

# CJK ideographs with their extensions, and kana: what is written without blanks.
_UNSPACED = r"\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_RUNS = re.compile(f"[{_UNSPACED}]+")
_WORDS = re.compile(f"[^\\W_{_UNSPACED}]+")
MOST_WORDS = 20


def plain(text: str) -> str:
    """Full-width letters as narrow ones, all in lower case, no control characters: what is compared."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return "".join(each if each.isprintable() else " " for each in folded)


def bigrams(text: str) -> list[str]:
    """The pairs of neighbours of each Chinese run, in order; a run of one character is itself."""
    found: list[str] = []
    for run in _RUNS.findall(plain(text)):
        found.extend(run[at : at + 2] for at in range(max(1, len(run) - 1)))
    return found


def singles(text: str) -> list[str]:
    """Each Chinese character by itself, for a search of one character."""
    return [each for run in _RUNS.findall(plain(text)) for each in run]


def words(text: str) -> list[str]:
    """The words of everything that is not Chinese: letters and digits of any script."""
    return _WORDS.findall(plain(text))


def query(text: str) -> tuple[list[str], list[str]]:
    """What somebody searches for: words to be stemmed and taken as beginnings, Chinese pairs to be there as they are.
    A few of each are enough; nothing to search for is two empty lists."""
    return list(dict.fromkeys(words(text)))[:MOST_WORDS], list(dict.fromkeys(bigrams(text)))[:MOST_WORDS]
