"""Skills, and how long a queue insists on them, compiled to what stock Asterisk does: penalties and a queue rule.

A queue needs skills at levels that fall with the seconds waited. Each moment at which a level falls is a step; a seat's
penalty in the queue is a hundred times the first step at which its agent meets all that is needed, and the queue's rule
lets the penalties of step n ring from its moment on. So Asterisk alone relaxes, also while we are down.

Hundreds, because app_queue looks at a rule only after it has rung for the first time: who may be rung at once is said
by a constant of the dialplan (QUEUE_MAX_PENALTY=99), and what is below it stays free for a supervisor's own order.
Called by crm/skills.py and by explanations. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

LEVELS = range(1, 6)
MOST_STEPS = 10
A_STEP = 100
OWN_AT_MOST = A_STEP - 1
"""The highest penalty that a supervisor may give, and that rings from the first second on."""


class Need(Struct, frozen=True):
    """`skill` at `minimum` (0: not needed any more) for callers who have waited `after_s` or longer."""

    skill: str
    minimum: int
    after_s: int = 0


class Step(Struct, frozen=True):
    """What is needed from `after_s` on: skill → level, those not needed left out."""

    number: int
    after_s: int
    levels: Mapping[str, int]


class Unfit(ValueError):
    """Needs that make no sense; the message says what to change."""


def steps(needs: Iterable[Need]) -> list[Step]:
    """The steps of a queue, first the one at 0 s; none for a queue that needs nothing. Raises Unfit."""
    by_skill: dict[str, dict[int, int]] = {}
    for need in needs:
        by_skill.setdefault(need.skill, {})[need.after_s] = need.minimum
    for skill, falling in by_skill.items():
        _check(skill, falling)
    moments = sorted({after_s for falling in by_skill.values() for after_s in falling})
    if len(moments) > MOST_STEPS:
        raise Unfit(f"{len(moments)} steps are more than {MOST_STEPS}: let levels fall at the same moments")
    return [
        Step(number, at, {skill: level for skill, falling in by_skill.items() if (level := _level(falling, at)) > 0})
        for number, at in enumerate(moments)
    ]


def missing(has: Mapping[str, int], step: Step) -> list[str]:
    """What an agent lacks at a step, in words; nothing when they may be rung."""
    return [
        f"{skill} {has.get(skill, 0)}, needs {level}"
        for skill, level in sorted(step.levels.items())
        if has.get(skill, 0) < level
    ]


def penalty(has: Mapping[str, int], of: Sequence[Step], own: int = 0) -> int | None:
    """An agent's penalty in a queue; None: never to be rung there.

    `own` is the penalty the supervisor gave this agent there: it orders agents of the same step.
    """
    met = next((step.number for step in of if not missing(has, step)), None) if of else 0
    return None if met is None else met * A_STEP + min(own, OWN_AT_MOST)


def step_of(penalty: int) -> int:
    """The step from which a penalty rings."""
    return penalty // A_STEP


def queue_rule(of: Sequence[Step]) -> list[tuple[int, int]]:
    """(seconds, highest penalty that rings from then on) for queuerules.conf; the first step needs no rule."""
    return [(step.after_s, step.number * A_STEP + OWN_AT_MOST) for step in of if step.number > 0]


def allowed(of: Sequence[Step], waited_s: float) -> int:
    """The highest penalty that rings after so much waiting."""
    reached = max((step.number for step in of if step.after_s <= waited_s), default=0)
    return reached * A_STEP + OWN_AT_MOST


class Fit(Struct, frozen=True):
    """An agent of a queue: login, what they can, their own penalty there."""

    login: str
    skills: Mapping[str, int]
    own: int = 0


class Row(Struct, frozen=True):
    """One line of the truth table: callers who have waited from `from_s` to `until_s` (None: without end).

    `rung`: login → penalty, lowest first; `held_back`: login → why not yet, or never.
    """

    from_s: int
    until_s: int | None
    needed: Mapping[str, int]
    rung: Mapping[str, int]
    held_back: Mapping[str, str]


def truth_table(of: Sequence[Step], agents: Sequence[Fit]) -> list[Row]:
    """Who may be rung after how much waiting, and why the others may not."""
    moments = list(of) or [Step(0, 0, {})]
    table = []
    for step, then in zip(moments, [*moments[1:], None], strict=True):
        rung: dict[str, int] = {}
        held: dict[str, str] = {}
        for agent in agents:
            at = penalty(agent.skills, of, agent.own)
            if at is not None and at <= allowed(of, step.after_s):
                rung[agent.login] = at
            else:
                when = "never" if at is None else f"from {moments[step_of(at)].after_s} s on"
                held[agent.login] = f"{when} ({'; '.join(missing(agent.skills, step))})"
        ordered = dict(sorted(rung.items(), key=lambda each: (each[1], each[0])))
        table.append(Row(step.after_s, then.after_s if then else None, step.levels, ordered, held))
    return table


def rules_file(queues: Mapping[str, Sequence[Step]]) -> str:
    """The text of queuerules_needs.conf: one rule for each queue whose needs fall with time."""
    parts = ["; Written by `kefu queue rules --write`: change the needs (`kefu queue need`), not this file.\n"]
    for queue, of in sorted(queues.items()):
        lines = [f"penaltychange => {after_s},{most}\n" for after_s, most in queue_rule(of)]
        parts.append(f"\n[{queue}]\n" + "".join(lines))
    return "".join(parts)


def _level(falling: Mapping[int, int], at: int) -> int:
    return falling[max(after_s for after_s in falling if after_s <= at)]


def _check(skill: str, falling: Mapping[int, int]) -> None:
    if 0 not in falling:
        raise Unfit(f"skill {skill!r} needs a level from 0 s on before it can fall")
    levels = [falling[after_s] for after_s in sorted(falling)]
    if levels[0] not in LEVELS or any(level < 0 for level in levels):
        raise Unfit(f"skill {skill!r}: levels are {LEVELS[0]} to {LEVELS[-1]}, and 0 for not needed any more")
    if any(later >= earlier for earlier, later in pairwise(levels)):
        raise Unfit(f"skill {skill!r}: each level must be lower than the one before, because callers only wait longer")
    if min(falling) < 0:
        raise Unfit(f"skill {skill!r}: seconds waited cannot be below 0")
