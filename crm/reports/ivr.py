"""What callers did in the menus: each step's visits, drop-offs and times, containment, and who called again.

Figures are of visits that began in [from, to). `containment`: visits that ended served / visits; a hang-up in a menu is
no service. `repeats_48h`: another inbound call of the same number within 48 hours after; callers without a number are
left out and counted. Every figure opens into its calls (`calls_behind`). Called by the command line and pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct, field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.refusals import Refusal
from crm.rules.ivr_paths import Step, Stop, percentile, stops

VERSION = "ivr 1"
MOST_VISITS = 300_000
READ_TOGETHER = 1000
MOST_STEPS_OF_A_WAY = 12
WHAT = ("visits", "drop_offs", "served", "repeats_48h")
"""What a figure of a step or leaf opens into."""

_VISITS = text(
    """
SELECT v.steps::text AS steps, v.ending, v.served, v.started_at, v.ended_at, c.id AS conversation_id,
       c.caller IS NOT NULL AS known,
       c.caller IS NOT NULL AND EXISTS (
            SELECT FROM conversation again WHERE again.caller = c.caller AND again.id <> c.id
               AND again.direction = 'inbound' AND again.started_at > c.started_at
               AND again.started_at <= coalesce(c.ended_at, c.started_at) + interval '48 hours') AS repeated
  FROM visit v
  LEFT JOIN conversation c ON c.linkedid = v.linkedid AND c.node = v.node
        AND c.started_at >= :since - interval '1 day' AND c.started_at < :until + interval '1 hour'
 WHERE v.started_at >= :since AND v.started_at < :until AND v.ended_at IS NOT NULL
   AND (CAST(:menu AS text) IS NULL OR v.flow = :menu)
   AND (CAST(:language AS text) IS NULL OR v.language = :language)
 ORDER BY v.started_at, v.id
"""
)
_MENUS = text("SELECT DISTINCT flow FROM visit WHERE started_at >= :since AND started_at < :until ORDER BY flow")


class Asked(Struct, frozen=True):
    """Which visits: half open in time, with zones; None: all menus, all languages."""

    since: datetime
    until: datetime
    menu: str | None = None
    language: str | None = None


class StepFigures(Struct):
    """One step: `visits` that came there, `entries` counting each hearing, and `keys` pressed there ("" is silence)."""

    step: str
    visits: int = 0
    entries: int = 0
    drop_offs: int = 0
    served: int = 0
    median_s: float | None = None
    p90_s: float | None = None
    keys: dict[str, int] = field(default_factory=dict)

    @property
    def containment(self) -> float | None:
        """Of the visits that came here, those that ended served."""
        return self.served / self.visits if self.visits else None

    @property
    def drop_off_rate(self) -> float | None:
        """Of the visits that came here, those whose caller hung up here."""
        return self.drop_offs / self.visits if self.visits else None


class Leaf(Struct):
    """Where visits ended, and how. `known`: visits of callers with a number."""

    step: str
    ending: str
    visits: int = 0
    served: int = 0
    known: int = 0
    repeats_48h: int = 0

    @property
    def repeat_rate(self) -> float | None:
        """Of callers with a number, those who called again."""
        return self.repeats_48h / self.known if self.known else None


class IvrReport(Struct):
    """All figures. `ways`: how many visits went from one step to the next, by how manieth stop it was."""

    asked: Asked
    visits: int = 0
    served: int = 0
    known: int = 0
    repeats_48h: int = 0
    endings: dict[str, int] = field(default_factory=dict)
    steps: list[StepFigures] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    ways: dict[tuple[int, str, str], int] = field(default_factory=dict)
    entrances: dict[str, int] = field(default_factory=dict)

    @property
    def containment(self) -> float | None:
        """Visits that ended served / visits."""
        return self.served / self.visits if self.visits else None

    def document(self) -> dict[str, Any]:
        """For JSON: every ratio beside what it is made of."""
        asked = self.asked
        return {
            "report": VERSION,
            "from": asked.since,
            "to": asked.until,
            "menu": asked.menu,
            "language": asked.language,
            "visits": self.visits,
            "served": self.served,
            "containment": _share(self.containment),
            "known_callers": self.known,
            "repeats_48h": self.repeats_48h,
            "endings": self.endings,
            "steps": [
                {
                    **msgspec.structs.asdict(step),
                    "drop_off_rate": _share(step.drop_off_rate),
                    "containment": _share(step.containment),
                }
                for step in self.steps
            ],
            "leaves": [
                {**msgspec.structs.asdict(leaf), "repeat_rate": _share(leaf.repeat_rate)} for leaf in self.leaves
            ],
            "ways": [
                {"stop": stop, "from": begin, "to": end, "visits": visits}
                for (stop, begin, end), visits in sorted(self.ways.items())
            ],
        }


class _Visit(Struct, frozen=True):
    way: list[Stop]
    ending: str
    served: bool
    known: bool
    repeated: bool
    conversation_id: UUID | None

    @property
    def leaf(self) -> str:
        return self.way[-1].place if self.way else "-"


async def report(session: AsyncSession, asked: Asked) -> IvrReport:
    """The figures. Refusal when the dates hold more visits than one report can weigh."""
    told = IvrReport(asked)
    steps: dict[str, StepFigures] = {}
    times: dict[str, list[float]] = {}
    leaves: dict[tuple[str, str], Leaf] = {}
    async for visit in _visits(session, asked):
        _count_visit(told, leaves, visit)
        _count_way(told, visit)
        for place in {stop.place for stop in visit.way}:
            step = steps.setdefault(place, StepFigures(place))
            step.visits += 1
            step.served += visit.served
        for stop in visit.way:
            step = steps[stop.place]
            step.entries += 1
            times.setdefault(stop.place, []).append(stop.stayed_s)
            if stop.key is not None:
                step.keys[stop.key] = step.keys.get(stop.key, 0) + 1
        if visit.ending == "hung_up" and visit.way:
            steps[visit.leaf].drop_offs += 1
    for place, step in steps.items():
        stayed = sorted(times[place])
        step.median_s, step.p90_s = percentile(stayed, 0.5), percentile(stayed, 0.9)
    told.steps = sorted(steps.values(), key=lambda step: (-step.visits, step.step))
    told.leaves = sorted(leaves.values(), key=lambda leaf: (-leaf.visits, leaf.step, leaf.ending))
    return told


async def calls_behind(
    session: AsyncSession, asked: Asked, *, what: str = "visits", step: str | None = None, ending: str | None = None
) -> tuple[list[UUID], int]:
    """The conversations behind one figure, and how many of its visits have none (their call is not in the ledger).

    `step`: of visits that came there; with `ending`, of those that ended there so.
    """
    if what not in WHAT:
        raise Refusal(f"{what!r} is no figure of this report: it is one of {', '.join(WHAT)}")
    found: dict[UUID, None] = {}
    without = 0
    async for visit in _visits(session, asked):
        if not _is_behind(visit, what, step, ending):
            continue
        if visit.conversation_id is None:
            without += 1
        else:
            found[visit.conversation_id] = None
    return list(found), without


async def menus(session: AsyncSession, asked: Asked) -> list[str]:
    """The menus that were visited in this time."""
    rows = await session.execute(_MENUS, {"since": asked.since, "until": asked.until})
    return [str(flow) for (flow,) in rows]


def _is_behind(visit: _Visit, what: str, step: str | None, ending: str | None) -> bool:
    if ending is not None and (visit.ending != ending or (step is not None and visit.leaf != step)):
        return False
    if what == "drop_offs":
        return visit.ending == "hung_up" and (step is None or visit.leaf == step)
    if step is not None and all(stop.place != step for stop in visit.way):
        return False
    return {"served": visit.served, "repeats_48h": visit.repeated}.get(what, True)


def _count_visit(told: IvrReport, leaves: dict[tuple[str, str], Leaf], visit: _Visit) -> None:
    told.visits += 1
    told.served += visit.served
    told.known += visit.known
    told.repeats_48h += visit.repeated
    told.endings[visit.ending] = told.endings.get(visit.ending, 0) + 1
    leaf = leaves.setdefault((visit.leaf, visit.ending), Leaf(visit.leaf, visit.ending))
    leaf.visits += 1
    leaf.served += visit.served
    leaf.known += visit.known
    leaf.repeats_48h += visit.repeated


def _count_way(told: IvrReport, visit: _Visit) -> None:
    """Each stop once: a menu heard again right away is the same place on the way."""
    way: list[str] = []
    for stop in visit.way:
        if not way or way[-1] != stop.place:
            way.append(stop.place)
    way = way[:MOST_STEPS_OF_A_WAY]
    if not way:
        return
    told.entrances[way[0]] = told.entrances.get(way[0], 0) + 1
    counted = Counter(
        (number, *pair) for number, pair in enumerate(zip(way, [*way[1:], f"={visit.ending}"], strict=True))
    )
    for key, visits in counted.items():
        told.ways[key] = told.ways.get(key, 0) + visits


async def _visits(session: AsyncSession, asked: Asked) -> AsyncIterator[_Visit]:
    values = {"since": asked.since, "until": asked.until, "menu": asked.menu, "language": asked.language}
    decode = msgspec.json.Decoder(list[Step]).decode
    number = 0
    rows = await session.stream(_VISITS, values, execution_options={"yield_per": READ_TOGETHER})
    async for row in rows:
        number += 1
        if number > MOST_VISITS:
            raise Refusal(f"there are more than {MOST_VISITS} visits in this time: ask for fewer days at once")
        lasted_s = (row.ended_at - row.started_at).total_seconds()
        try:
            way = stops(decode(row.steps), lasted_s)
        except msgspec.MsgspecError:
            way = []  # a visit that another program wrote: counted, its way unknown
        yield _Visit(way, row.ending or "failed", row.served, row.known, row.repeated, row.conversation_id)


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def options_of(asked: Asked, menus_there: Sequence[str]) -> list[str]:
    """What can be chosen as a menu: those visited, and the one asked for."""
    return sorted({*menus_there, *([asked.menu] if asked.menu else [])})
