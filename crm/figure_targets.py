"""Targets of the figures on an agent's own day: from where on each is green, and from where on red."""

from __future__ import annotations

import math

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.own_day import FigureTarget

FIGURES = ("calls", "talk", "acw", "occupancy", "missed", "outcome_share")
"""calls answered; talk and acw: mean seconds a call; occupancy and outcome_share: from 0 to 1; missed: rings."""


async def listed(session: AsyncSession) -> list[FigureTarget]:
    """All targets that are set."""
    return list(await session.scalars(select(FigureTarget).order_by(FigureTarget.figure)))


async def define(session: AsyncSession, figure: str, *, green: float, red: float, by: str) -> None:
    """Set a target. Refusal for a figure that nobody counts and for bounds that leave no light between them."""
    if figure not in FIGURES:
        raise Refusal(f"figure {figure[:40]!r} is unknown: it is one of {', '.join(FIGURES)}")
    if not all(math.isfinite(bound) and 0 <= bound <= 1e6 for bound in (green, red)) or green == red:
        raise Refusal(f"green from {green:g} and red from {red:g} cannot be: write two different numbers, 0 and above")
    said = {"green": green, "red": red, "changed_by": by}
    row = insert(FigureTarget).values(figure=figure, **said)
    again = row.on_conflict_do_update(index_elements=["figure"], set_={**said, "changed_at": func.now()})
    await session.execute(again)
