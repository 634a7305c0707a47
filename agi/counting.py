"""Numbers and money as prompt keys, in the order that each language says them.

Chinese counts in ten thousands (万) and hundred millions (亿), says a zero where places are skipped, and money in yuan,
jiao and fen; English counts in thousands. Asterisk has sounds for neither in Chinese. Called by speaking.py. Pure.
"""

from __future__ import annotations

from decimal import Decimal

LARGEST = 10**12 - 1
CURRENCIES = ("cny", "usd", "eur")
_ENGLISH = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
_CHINESE = ((10**8, "hundred-million"), (10**4, "ten-thousand"), (1, ""))


def number(value: Decimal, language: str) -> tuple[str, ...]:
    """Any number: minus, whole part, point and the digits after it. Too large a one is read digit by digit."""
    text = f"{abs(value):f}"
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    keys = ["minus"] if value < 0 else []
    keys += _whole(int(whole), language)
    if rest:
        keys += ["point", *(f"digit-{digit}" for digit in rest[:6])]
    return tuple(keys)


def money(amount: Decimal, currency: str, language: str) -> tuple[str, ...]:
    """Twelve yuan fifty; 十二元五角. A currency we have no word for is spelled."""
    name = currency.lower()
    word = (
        [f"currency-{name}"]
        if name in CURRENCIES
        else [f"letter-{letter}" for letter in name if letter.isascii() and letter.isalpha()][:3]
    )
    cents = int((abs(amount) * 100).quantize(Decimal(1)))
    whole, small = divmod(cents, 100)
    keys = ["minus"] if amount < 0 and cents else []
    if language == "zh" and name != "cny":
        return (*keys, *number(Decimal(cents) / 100, language), *word)
    if whole or not small or language != "zh":
        keys += [*_whole(whole, language), *word]
    if language != "zh":
        return (*keys, *(_whole(small, language) if small else ()))
    jiao, fen = divmod(small, 10)
    if jiao:
        keys += [f"digit-{jiao}", "jiao"]
    elif fen and whole:
        keys.append("digit-0")
    if fen:
        keys += [f"digit-{fen}", "fen"]
    return tuple(keys)


def every_prompt() -> frozenset[str]:
    """All keys that counting can ask for, beside the digits and letters."""
    tens = (*range(10, 20), *range(20, 100, 10))
    units = ("hundred", "thousand", "million", "billion", "ten-thousand", "hundred-million")
    signs = ("minus", "point", "two-of", "jiao", "fen")
    return frozenset({*(f"number-{ten}" for ten in tens), *units, *signs, *(f"currency-{name}" for name in CURRENCIES)})


def _whole(value: int, language: str) -> list[str]:
    if value > LARGEST:
        return [f"digit-{digit}" for digit in str(value)[:24]]
    if value == 0:
        return ["digit-0"]
    return _chinese(value) if language == "zh" else _english(value)


def _english(value: int) -> list[str]:
    keys: list[str] = []
    for size, word in _ENGLISH:
        if value >= size:
            keys += [*_hundreds(value // size), word]
            value %= size
    return keys + _hundreds(value)


def _hundreds(value: int) -> list[str]:
    keys = []
    if value >= 100:
        keys += [f"digit-{value // 100}", "hundred"]
        value %= 100
    if value >= 20:
        keys.append(f"number-{value // 10 * 10}")
        value %= 10
    elif value >= 10:
        return [*keys, f"number-{value}"]
    return [*keys, f"digit-{value}"] if value else keys


def _chinese(value: int) -> list[str]:
    keys: list[str] = []
    skipped = False
    for size, word in _CHINESE:
        group, value = divmod(value, size)
        if group:
            if keys and (skipped or group < 1000):
                keys.append("digit-0")
            keys += [*_thousands(group, first=not keys, unit=bool(word)), *([word] if word else [])]
            skipped = False
        elif keys:
            skipped = True
    return keys


def _thousands(group: int, *, first: bool, unit: bool) -> list[str]:
    """One group of four places. 两 stands for 2 before 千 and 百, and alone before 万 and 亿."""
    if group == 2 and unit:
        return ["two-of"]
    keys: list[str] = []
    skipped = False
    for size, word in ((1000, "thousand"), (100, "hundred")):
        digit, group = divmod(group, size)
        if digit:
            keys += [*(["digit-0"] if skipped else []), "two-of" if digit == 2 else f"digit-{digit}", word]
            skipped = False
        elif keys:
            skipped = True
    tens, ones = divmod(group, 10)
    if tens:
        keys += ["digit-0"] if skipped else []
        if tens == 1 and not keys and first:
            return [f"number-{10 + ones}"]
        keys += ["digit-1", "number-10"] if tens == 1 else [f"number-{tens * 10}"]
        skipped = False
    elif keys:
        skipped = True
    if ones:
        keys += [*(["digit-0"] if skipped else []), f"digit-{ones}"]
    return keys
