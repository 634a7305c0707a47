"""A caller's way through a menu, out of the steps that a visit recorded: where they stopped, how long, which keys.

Called by reports/ivr. Pure. A stop is one hearing of one place of the menu: heard again after a wrong key, it is
another stop. Visits of menus that name no places are told by the first prompt heard.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

ANSWERS = ("pressed", "silence")
LEAVING = "leave_"
"""How the last step of a visit begins: the caller hears nothing there, the ending says it."""


class Step(Struct, frozen=True):
    """One recorded step of a visit; fields that nobody wrote are None."""

    at_s: float = 0.0
    step: str = ""
    prompt: str | None = None
    pressed: str | None = None
    place: str | None = None


class Stop(Struct, frozen=True):
    """One stop: `key` is what was pressed there, "" for silence, None where nothing was asked."""

    place: str
    at_s: float
    stayed_s: float
    key: str | None = None


def stops(steps: Sequence[Step], ended_s: float | None) -> list[Stop]:
    """The stops of one visit, in order. `ended_s`: how long the visit lasted; None: nobody said its end."""
    groups: list[list[Step]] = []
    heard = [step for step in steps if not step.step.startswith(LEAVING)]
    for step in heard:
        if groups and not _begins_anew(groups[-1], step):
            groups[-1].append(step)
        else:
            groups.append([step])
    last_s = ended_s if ended_s is not None else (steps[-1].at_s if steps else 0.0)
    ends = [*(group[0].at_s for group in groups[1:]), last_s][: len(groups)]
    return [
        Stop(_name(group), group[0].at_s, round(max(0.0, end - group[0].at_s), 3), _key(group))
        for group, end in zip(groups, ends, strict=True)
    ]


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile of sorted values; None of none."""
    if not values:
        return None
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _begins_anew(group: Sequence[Step], step: Step) -> bool:
    last = group[-1]
    if step.place != last.place:
        return True
    if last.step in ANSWERS:
        # Digits of one number follow each other without a prompt between them.
        return step.step not in ANSWERS
    # Without places, another kind of step is another stop; a question's prompts belong to it.
    return step.place is None and step.step != last.step and step.step not in ANSWERS


def _name(group: Sequence[Step]) -> str:
    first = group[0]
    return first.place or first.prompt or first.step


def _key(group: Sequence[Step]) -> str | None:
    answers = [step for step in group if step.step in ANSWERS]
    return "".join(step.pressed or "" for step in answers) if answers else None
