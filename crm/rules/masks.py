"""What some roles see of a number, a name, an address, a note: one function for pages, the api and the command line.

`view` takes whatever is about to be shown (rows, documents, cards) and gives the same with the fields of a mask put out
of sight, found by their names. What is called so is masked wherever it stands, also where nobody thought of it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

HIDDEN = "****"

FIELDS: dict[str, frozenset[str]] = {
    "phone": frozenset(
        {
            *("caller", "dialled", "number", "numbers", "number_e164", "caller_e164", "e164", "raw", "raw_number"),
            *("phone", "phones", "phone_number", "telephone", "mobile", "fax", "callback_number", "told_number"),
            *("spellings", "recipient"),
        }
    ),
    "name": frozenset({"caller_name", "customer_name", "person_name"}),
    "email": frozenset({"email", "emails", "mail", "email_address"}),
    "note": frozenset({"note", "notes", "wrap_up_note", "text"}),
}
"""The names that each word of crm/rules/rights.MASKABLE means, in rows, documents and structs."""
_CUSTOMERS_NAME: dict[str, tuple[frozenset[str], ...]] = {
    "who": (frozenset({"caller"}),),
    "customer": (frozenset({"caller"}),),
    "newer_name": (frozenset({"newer"}),),
    "name": (
        *(frozenset({one}) for one in ("tier", "company", "customer_id", "merge", "newer", "mine")),
        frozenset({"code", "role"}),
    ),
}
"""Fields that are a customer's name where one of these sets of fields stands beside them; colleagues, queues, nodes and
webhooks are called by a `name`, too."""
PROSE = FIELDS["note"] | {
    *("subject", "description", "solution", "said", "was", "became", "about", "wanted", "answer", "remark"),
    *("request_remark", "answer_remark", "body", "held_why", "because", "company", "detail", "why", "not_now_why"),
}
"""What people write: where numbers are hidden, those that stand in it are, too."""

_NUMBER = re.compile(r"\+?[\d ()/.-]{5,}")
_IN_PROSE = re.compile(r"(?<![\d:.-])\+?\d(?:[ -]?\d){6,14}(?![\d:-]|\.\d)")
_WHOLE = re.compile(r"\+?\d{7,15}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d)?")
_PLAIN = (str, bytes, bool, int, float, type(None))
_SHOWN_AT_ENDS = (3, 4)


def phone(number: str) -> str:
    """+8613800138000 as +86138****8000: enough to tell two callers apart, too little to dial. What is no number (an
    extension of at most four digits, a word) stays."""
    digits = [at for at, character in enumerate(number) if character.isdigit()]
    if len(digits) <= 4:
        return number
    first, last = (2, 2) if len(digits) < 9 else (_SHOWN_AT_ENDS[0] + (2 if number.startswith("+") else 0), 4)
    first = min(first, len(digits) - last - (2 if len(digits) < 9 else 4))
    begin = digits[first - 1] + 1 if first > 0 else digits[0]
    return number[:begin] + HIDDEN + number[digits[-last] :]


def name(said: str) -> str:
    """The first letter, and that there is more. A number that came in a name's place is treated as one."""
    if _NUMBER.fullmatch(said.strip()):
        return phone(said)
    return said[:1] + HIDDEN if said else said


def email(address: str) -> str:
    """l****@example.com."""
    local, at, domain = address.partition("@")
    return f"{local[:1]}{HIDDEN}{at}{domain}"


def note(said: str) -> str:
    """Nothing of it but that there is one."""
    return HIDDEN if said else said


_HOW: dict[str, Callable[[str], str]] = {"phone": phone, "name": name, "email": email, "note": note}
_BY_FIELD = {field: word for word, fields in FIELDS.items() for field in fields}


def view(thing: Any, hidden: frozenset[str]) -> Any:
    """`thing` as someone may see it from whom `hidden` (words of MASKABLE) is hidden. Nothing hidden: the thing itself;
    else documents are rebuilt and other objects (rows, cards) are seen through a View."""
    return _of(thing, hidden) if hidden else thing


class View:
    """An object seen with its fields masked. Methods still see everything, and return it masked where they return it
    by a field's name."""

    __slots__ = ("_hidden", "_thing")

    def __init__(self, thing: Any, hidden: frozenset[str]) -> None:
        self._thing = thing
        self._hidden = hidden

    def __getattr__(self, field: str) -> Any:
        return _field(field, getattr(self._thing, field), self._hidden, self._thing)

    def __getitem__(self, key: Any) -> Any:
        return _field(key, self._thing[key], self._hidden, self._thing)

    def __iter__(self) -> Any:
        return (_of(each, self._hidden) for each in self._thing)

    def __len__(self) -> int:
        return len(self._thing)

    def __bool__(self) -> bool:
        return bool(self._thing)

    def __eq__(self, other: object) -> bool:
        return bool(self._thing == (other._thing if isinstance(other, View) else other))

    def __hash__(self) -> int:
        return hash(self._thing)

    def __str__(self) -> str:
        return str(self._thing)


def _of(thing: Any, hidden: frozenset[str]) -> Any:
    if isinstance(thing, _PLAIN) or callable(thing):
        return thing
    if isinstance(thing, Mapping):
        return {key: _field(key, value, hidden, thing) for key, value in thing.items()}
    if type(thing) in (list, tuple, set, frozenset):
        return type(thing)(_of(each, hidden) for each in thing)
    if type(thing).__module__ in ("datetime", "uuid", "decimal", "zoneinfo", "markupsafe"):
        return thing
    return View(thing, hidden)


def _field(field: Any, value: Any, hidden: frozenset[str], inside: Any) -> Any:
    if field == "typed":
        return value  # their own words, back in the form: masked, the mask would be saved
    if field == "to" and "phone" in hidden and isinstance(value, str) and _WHOLE.fullmatch(value):
        return phone(value)  # whom a call was handed to; elsewhere it is a day or a word
    field = _edited(field, inside)
    word = _word(field, value, inside) if isinstance(field, str) else None
    if word is not None and word in hidden:
        return _deep(value, _HOW[word], hidden)
    if "phone" in hidden and word == "name":
        return _deep(value, _numbers_in_name, hidden)
    if "phone" in hidden and field in PROSE:
        return _deep(value, _numbers_in, hidden)
    return _of(value, hidden)


def _edited(field: Any, inside: Any) -> Any:
    """The field itself; of two who edited the same one at once, the one that they edited."""
    if field not in ("before", "theirs") or "mine" not in _beside(inside):
        return field
    return inside["field"] if isinstance(inside, Mapping) else inside.field


def _word(field: str, value: Any, inside: Any) -> str | None:
    """Which word of MASKABLE this field of the object falls under; None: it is shown to everybody."""
    if field in _CUSTOMERS_NAME:
        before_and_after = field == "name" and isinstance(value, list | tuple)
        return "name" if before_and_after or _is_customers(field, inside) else None
    word = _BY_FIELD.get(field)
    return None if word and _is_other(field, inside) else word


def _deep(value: Any, how: Callable[[str], str], hidden: frozenset[str]) -> Any:
    if isinstance(value, str):
        return how(value)
    if isinstance(value, list | tuple):
        return [_deep(each, how, hidden) for each in value]
    return _of(value, hidden)


def _numbers_in(said: str) -> str:
    """The text with its numbers masked; a day is none."""
    return _IN_PROSE.sub(lambda found: found[0] if _DATE.fullmatch(found[0]) else phone(found[0]), said)


def _numbers_in_name(said: str) -> str:
    """The name; a number that came in its place is masked, and so is one that stands in it."""
    return phone(said) if _NUMBER.fullmatch(said.strip()) else _numbers_in(said)


def _is_customers(field: str, inside: Any) -> bool:
    beside = frozenset(_beside(inside))
    if "login" in beside or {"role", "kind"} <= beside:  # a colleague; an organisation beside what one is in it
        return False
    return any(fields <= beside for fields in _CUSTOMERS_NAME[field])


def _is_other(field: str, inside: Any) -> bool:
    """An order and a case have a number, too, which nobody can dial."""
    return field == "number" and not {"placed_at", "amount", "subject"}.isdisjoint(_beside(inside))


def _beside(inside: Any) -> Collection[Any]:
    """The names of all fields of an object."""
    return inside.keys() if isinstance(inside, Mapping) else getattr(inside, "_fields", None) or dir(inside)
