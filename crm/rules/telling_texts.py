"""Texts to customers: a template with places, filled in. Not str.format: a template is edited by people, and a place
reaches no attribute of anything. Called by deeds and pages. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACES = ("name", "number", "subject", "state", "solution", "company")
LONGEST = 2000
_PLACE = re.compile(r"\{(\w+)\}")


def fill(body: str, values: Mapping[str, str]) -> str:
    """The text with each known place filled; what is filled in is not looked at again."""
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), body)


def unknown_places(body: str) -> list[str]:
    """Places that nothing fills."""
    return sorted({name for name in _PLACE.findall(body) if name not in PLACES})
