"""The kinds of fields that requests have, and pages of lists. Every text is bounded, and holds nothing that Postgres
refuses. Used by the routes of this room.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

_Item = TypeVar("_Item")
NO_NUL = r"^[^\x00]*$"
PAGE = 100
LARGEST_PAGE = 500


def _plain(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL cannot be kept")
    return text


Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL), AfterValidator(_plain)]
Line = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL), AfterValidator(_plain)]
Text = Annotated[str, StringConstraints(max_length=20_000, pattern=NO_NUL), AfterValidator(_plain)]
Number = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=NO_NUL), AfterValidator(_plain)]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="So many at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=200, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of the page before; none: from the start."),
]


class Given(BaseModel):
    """What a program sends: fields that nobody knows are refused, so that a misspelt one is not lost in silence."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[_Item]):
    """Some items; `next` leads to those after them, null: these were the last."""

    items: list[_Item]
    next: str | None
