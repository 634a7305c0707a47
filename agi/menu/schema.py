"""The menu language as a JSON Schema, for editors that complete and underline while a menu is written.

Made from words.py and kept in asterisk-conf/ivr/menu.schema.json; a test holds the file to this. An editor sees less
than `kefu ivr check`, which also knows where each step leads.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agi.steps import LANGUAGES

from .words import (
    ACTS,
    ANSWER_TYPES,
    CONDITIONS,
    DEFAULTS,
    FILE,
    PLACES,
    PRELUDES,
    SPOKEN,
    TOLD,
    Act,
    Kind,
    Word,
    options_of,
)

Schema = dict[str, Any]
_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"}
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_TEXTS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_ROUTE: Schema = {"$ref": "#/$defs/route"}
_PROMPTS: Schema = {"$ref": "#/$defs/prompts"}

_KEY = {"^([0-9*#]|[0-9]-[0-9])$": {"anyOf": [_ROUTE, {"const": "none"}]}}
_TYPES = {"anyOf": [{"enum": list(ANSWER_TYPES)}, {"type": "array", "items": _TEXT}]}
_FIXED: dict[Kind, Schema] = {
    Kind.PROMPTS: _PROMPTS,
    Kind.ROUTE: _ROUTE,
    Kind.KEYS: {"type": "object", "patternProperties": _KEY, "additionalProperties": False, "minProperties": 1},
    Kind.YES: {"enum": ["yes", "no", True, False]},
    Kind.FAREWELL: {"anyOf": [{"const": True}, _PROMPTS]},
    Kind.LANGUAGE: {"enum": list(LANGUAGES)},
    Kind.NEW_LANGUAGE: {"enum": [*LANGUAGES, "other"]},
    Kind.VALUES: {"type": "object", "additionalProperties": _TEXT, "propertyNames": _NAME},
    Kind.VARIABLES: {"anyOf": [_NAME, {"type": "array", "items": _NAME}]},
    Kind.ANSWER: {"type": "object", "additionalProperties": _TYPES, "propertyNames": _NAME, "minProperties": 1},
    Kind.DIGITS: {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]{1,2}(-[0-9]{1,2})?$"}]},
    Kind.EXTENSION: {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]{1,20}$"}]},
    Kind.SEAT: {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^([0-9]{1,20}|last_agent)$"}]},
    Kind.URL: {"type": "string"},
    Kind.TEXT: {"type": "string"},
}


def menu_schema() -> str:
    """The schema as JSON, ready to be written to its file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A menu that callers hear",
        **_object(FILE, {word.name: _of_file(word) for word in FILE}),
        "$defs": {
            "prompts": _or_list({"$ref": "#/$defs/prompt"}),
            "prompt": {"anyOf": [{"type": "string"}, _one_of_these(SPOKEN)]},
            "step": {"anyOf": [{"type": "string", "description": _places()}, *map(_step, ACTS), _spoken_alone()]},
            "route": _or_list({"$ref": "#/$defs/step"}),
        },
    }
    return msgspec.json.format(msgspec.json.encode(schema, order="deterministic"), indent=1).decode() + "\n"


def _of_file(word: Word) -> Schema:
    told = {"description": word.means}
    match word.name:
        case "languages":
            return {**told, "type": "array", "items": {"enum": list(LANGUAGES)}, "minItems": 1, "uniqueItems": True}
        case "defaults":
            return {**told, **_object(DEFAULTS, needed=False)}
        case "calendars":
            return {**told, "type": "object", "additionalProperties": _TEXTS, "propertyNames": _NAME}
        case "parts":
            steps = {"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1}
            return {**told, "type": "object", "additionalProperties": steps, "propertyNames": _NAME, "minProperties": 1}
    return {**told, **_NAME}


def _or_list(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _step(act: Act) -> Schema:
    words = (act.word, *options_of(act).values())
    # Words that defaults may give are not required here.
    given = {word.name for word in DEFAULTS}
    needed = [act.name, *(word.name for word in act.options if word.needed and word.name not in given)]
    return {"title": act.name, **_object(words, needed=False), "required": needed}


def _spoken_alone() -> Schema:
    """A step that only says or notes something."""
    alone = [{"required": [word.name]} for word in PRELUDES if word.name != "skip"]
    return {"title": "say", **_object(PRELUDES, needed=False), "anyOf": alone}


def _object(words: tuple[Word, ...], properties: Schema | None = None, *, needed: bool = True) -> Schema:
    found: Schema = {
        "type": "object",
        "properties": properties or {word.name: {"description": word.means, **_value(word)} for word in words},
        "additionalProperties": False,
    }
    required = [word.name for word in words if word.needed] if needed else []
    return {**found, "required": required} if required else found


def _value(word: Word) -> Schema:
    """What may stand behind a word."""
    match word.kind:
        case Kind.NUMBER:
            return {"type": "number", "minimum": word.least, "maximum": word.most}
        case Kind.CHOICE:
            words: list[object] = list(word.choices)
            # Some editors read a plain yes or no as true or false; the check does not.
            return {"enum": [*words, *([True, False] if "yes" in words else [])]}
        case Kind.CONDITIONS:
            conditions = {condition.name: _condition(condition) for condition in CONDITIONS}
            return {"type": "object", "properties": conditions, "additionalProperties": False, "minProperties": 1}
    return _FIXED.get(word.kind, _NAME)


def _condition(word: Word) -> Schema:
    if word.name == "is":
        return {"description": word.means, "type": "object", "additionalProperties": _TEXTS, "propertyNames": _NAME}
    one = _value(word) if word.kind is Kind.CHOICE else _TEXT
    return {"description": word.means, "anyOf": [one, {"type": "array", "items": one}]}


def _one_of_these(words: tuple[str, ...]) -> Schema:
    values = {word: {"enum": list(TOLD)} if word == "tell" else _NAME for word in words}
    return {
        "type": "object",
        "properties": values,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _places() -> str:
    return f"a part's name, or {', '.join(PLACES)}"
