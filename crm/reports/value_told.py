"""What explains a customer's tier, as lines for people at a terminal and as a document for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from msgspec import structs

from .value_explained import Explained


def document(told: Explained) -> dict[str, Any]:
    """For JSON."""
    run = told.run
    return {
        "code": told.code,
        "tier": told.tier,
        "held": None if told.held_by is None else {"by": told.held_by, "at": told.held_at, "why": told.held_why},
        "ranked_at": run.as_of if run else None,
        "rules": {name: str(rule) for name, rule in told.rules.items()},
        "bounds": structs.asdict(told.bounds) if told.bounds else None,
        "figures": structs.asdict(told.figures) if told.figures else None,
        "first_order_at": told.first_at,
        "last_order_at": told.last_at,
        "orders_left_out": told.left_out,
        "worth": structs.asdict(told.worth) if told.worth else None,
        "agrees": told.agrees,
        "currency": told.currency,
        "history": [
            {name: getattr(step, name) for name in ("at", "from_tier", "to_tier", "by", "why")} for step in told.history
        ],
    }


def lines(told: Explained, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """What, and the sentence about it."""
    yield "customer", f"{told.code} {told.name}"
    yield "tier", told.tier if told.held_by is None else f"{told.tier}, set by hand and kept so"
    if told.held_by is not None:
        yield "by hand", f"by {told.held_by or 'somebody'}{_at(told.held_at, zone)}: {told.held_why}"
    if told.run is None:
        yield "ranking", "there was none yet: `kefu value run`"
    else:
        yield "ranking", f"as of {told.run.as_of.astimezone(zone):%Y-%m-%d %H:%M}, of {told.run.customers} customers"
        yield from _figures(told)
    for step in told.history:
        begin = step.from_tier or "?"
        yield (
            "history",
            f"{step.at.astimezone(zone):%Y-%m-%d %H:%M} {begin} → {step.to_tier}, {step.by or '?'}: {step.why}",
        )


def _figures(told: Explained) -> Iterator[tuple[str, str]]:
    if told.figures is None or told.bounds is None or told.worth is None:
        yield "orders", "none, so there are no figures, and the tier stays as it is"
        return
    figures, bounds, worth, rules = told.figures, told.bounds, told.worth, told.rules
    days = f"{rules['window_days'].normalize():f}"
    yield (
        "recency",
        f"{worth.recency} of 5: last order {figures.days_since:.1f} days before; steps at {_list(bounds.recency)}",
    )
    yield (
        "frequency",
        f"{worth.frequency} of 5: {figures.orders} orders in {days} days; steps above {_list(bounds.frequency)}",
    )
    yield (
        "money",
        f"{worth.money} of 5: {figures.amount} {told.currency} in {days} days; steps above {_list(bounds.money)}",
    )
    weights = [f"{rules[f'weight_{name}'].normalize():f}" for name in ("recency", "frequency", "money")]
    parts = zip((worth.recency, worth.frequency, worth.money), weights, strict=True)
    yield "score", f"{' + '.join(f'{step} × {weight}' for step, weight in parts)} = {worth.score.normalize():f}"
    limits = ", ".join(f"{name} from {rules[f'{name}_from'].normalize():f}" for name in ("key", "main", "ordinary"))
    yield "segment", f"{worth.segment} ({limits}, else small)"
    usual = f", usually {figures.usual_days:.1f} days between orders" if figures.usual_days is not None else ""
    yield "standing", f"{worth.standing}: {figures.days_since:.1f} days without an order{usual}"
    if told.left_out:
        yield "left out", f"{told.left_out} orders in currencies without a rate"
    if not told.agrees:
        yield "since then", "orders have changed since the ranking: the next one will say so"


def _list(bounds: tuple[float, ...]) -> str:
    return ", ".join(f"{bound:g}" for bound in bounds)


def _at(at: datetime | None, zone: tzinfo) -> str:
    return f", {at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""
