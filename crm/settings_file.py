"""kefu.toml as `kefu init` writes it: only what was asked or given, checked by the settings themselves first.

The file holds secrets, so it is its owner's alone (0600) and appears in one move.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from .refusals import Refusal
from .settings import Settings, SettingsRefused, read_settings

Value = str | int | float | bool

HEAD = "# Kefu's settings. Each can also be given as KEFU_<NAME> in the environment, which then wins.\n"


def said_values(pairs: Sequence[str]) -> dict[str, Value]:
    """NAME=VALUE as typed: numbers, true and false as such, all else as text."""
    said: dict[str, Value] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise SettingsRefused(f"{pair!r} is no NAME=VALUE, such as web_port=8420")
        try:
            value = tomllib.loads(f"value = {text.strip()}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        said[name.strip()] = value if isinstance(value, str | int | float | bool) else text.strip()
    return said


def checked(values: Mapping[str, Value]) -> Settings:
    """The settings as they will be with `values` in the file. Raises SettingsRefused, one sentence, if they are not
    taken."""
    kept = os.environ.get("KEFU_CONFIG")
    os.environ["KEFU_CONFIG"] = os.devnull  # a file that is to be replaced must not speak here
    try:
        return read_settings(**values)
    finally:
        if kept is None:
            del os.environ["KEFU_CONFIG"]
        else:
            os.environ["KEFU_CONFIG"] = kept


def text_of(values: Mapping[str, Value]) -> str:
    """The file's text, and the proof that it says just these values."""
    # A JSON string is a TOML string, true is true, and so are numbers.
    text = HEAD + "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())
    if tomllib.loads(text) != dict(values):
        raise SettingsRefused("a value cannot be written into a settings file: leave out control characters")
    return text


def read_file(path: Path) -> dict[str, Value]:
    """What the file says now; empty when there is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as fault:
        raise SettingsRefused(f"{path} cannot be read: {fault}") from None


def write_file(path: Path, text: str) -> None:
    """Put the text in place in one move, readable by its owner alone."""
    unfinished = path.with_name(f".{path.name}.kefu-init")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as refused:
        raise Refusal(f"{path} cannot be written ({refused.strerror}): choose another place by --config") from None
