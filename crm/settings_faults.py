"""What is wrong with a setting, in one sentence: which, where it stands, what is needed. Secrets are never repeated.

Used by crm.settings alone.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo


def sentence_of(refused: ValidationError, said: dict[str, Any], file: Path, fields: Mapping[str, FieldInfo]) -> str:
    """What to tell of the first fault. `said`: what the command line said; `fields`: all settings there are."""
    fault = refused.errors(include_url=False)[0]
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(name, fields, n=1, cutoff=0.0)[0]
        where = "the command line" if name in said else str(file)
        return f"unknown setting {name!r} in {where}: did you mean {nearest!r}?"
    if fault["type"] == "value_error":  # our own validators write whole sentences
        return f"{_where(name, said, file)}: {fault['ctx']['error']}"
    field = fields[name]
    secret = "secret" in name or name == "database_url"
    value = "the value given" if secret else repr(fault["input"])
    needed = field.description or next((m.description for m in field.metadata if hasattr(m, "description")), None)
    return f"{_where(name, said, file)}: {value} cannot be used, {needed or 'another value'} is needed"


def _where(name: str, said: dict[str, Any], file: Path) -> str:
    if name in said:
        return f"--{name.replace('_', '-')}"
    variable = f"KEFU_{name.upper()}"
    found = next((key for key in os.environ if key.upper() == variable), None)
    return f"{found} in the environment" if found else f"{name} in {file}"
