"""Python steps that a menu may `run`, brought by any installed package through the entry points `kefu.ivr_steps`.

A step is a plain function: it gets what is known of the call (texts by name) and returns the variables it sets. It runs
in a thread within the step's time limit; one that is late or fails is *unavailable*, and the caller goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

GROUP = "kefu.ivr_steps"
StepFunction = Callable[[Mapping[str, str]], Mapping[str, str]]


def names() -> frozenset[str]:
    """All registered steps, without loading one."""
    return frozenset(_registered())


@cache
def load(name: str) -> StepFunction:
    """The function of a step. LookupError when no package brings it."""
    entry = _registered().get(name)
    if entry is None:
        raise LookupError(f"no Python step {name!r} is registered")
    function: StepFunction = entry.load()
    return function


@cache
def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
