"""Cases: a customer's matter with one owner from start to end, a handler, a tier, clocks and a history.

`writing` changes a case, each change a row of its history; `reading` lists and finds; `clocks` counts promised time;
`calls` ties conversations to cases; `categories`, `reminders` and `tellings` hold what their names say. Hours come from
whoever calls (deeds): no subject knows another. Called by deeds, pages, the command line, the IVR and the worker.
"""

from __future__ import annotations

from . import writing
from .reading import (
    CaseFound,
    CaseListed,
    asked_about,
    counts,
    find,
    has_breached_case,
    history,
    listed,
    open_case_of,
    open_of,
)
from .writing import CaseMoved, NoSuchCase, change, create, noted_last, take_turn

__all__ = [
    "CaseFound",
    "CaseListed",
    "CaseMoved",
    "NoSuchCase",
    "asked_about",
    "change",
    "counts",
    "create",
    "find",
    "has_breached_case",
    "history",
    "listed",
    "noted_last",
    "open_case_of",
    "open_of",
    "take_turn",
    "writing",
]
