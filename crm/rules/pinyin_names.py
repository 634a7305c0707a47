"""How a Chinese name is typed by somebody without Chinese keys: wangxiaoming, wxm. All readings of a sign count.

The only file that knows pypinyin, whose dictionary is loaded at the first name. Called by the directory. Pure.
"""

from __future__ import annotations

from itertools import islice, product

MOST_READINGS = 24
"""A name of many signs with several readings each is spelled in so many ways at most."""


def found_by(name: str) -> str:
    """Everything a name is found by, lower case, words apart: itself, its spellings in full, its initials."""
    words = [word for word in name.lower().split() if word]
    ways = [*words, "".join(words)]
    for reading in readings(name):
        ways += ["".join(reading), "".join(syllable[0] for syllable in reading)]
    return " ".join(dict.fromkeys(way for way in ways if way))


def asked(text: str) -> str:
    """What somebody typed, as it is looked for: lower case, no blanks."""
    return "".join(text.replace("\x00", "").lower().split())


def readings(name: str) -> list[tuple[str, ...]]:
    """The syllables of a name, in every way it may be read; letters that are no Chinese stay whole words."""
    from pypinyin import Style, pinyin

    kept = " ".join(name.lower().split())
    told = pinyin(kept, style=Style.NORMAL, heteronym=True, v_to_u=False)
    syllables = [_spellings(each) for each in told]
    pieces = [piece for piece in syllables if piece]
    if not pieces:
        return []
    ways = (tuple(word for syllable in way for word in syllable.split()) for way in product(*pieces))
    return list(dict.fromkeys(islice(ways, MOST_READINGS)))


def _spellings(told: list[str]) -> list[str]:
    """Of 吕 both lv, as keyboards have it, and lu."""
    ways: list[str] = []
    for reading in told:
        plain = " ".join("".join(sign if sign.isalnum() else " " for sign in reading).split())
        if plain:
            ways += [plain, plain.replace("v", "u")] if "lv" in plain or "nv" in plain else [plain]
    return list(dict.fromkeys(ways))
