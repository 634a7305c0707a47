"""The traffic light of a figure. Pure."""

from __future__ import annotations

from typing import Literal

Light = Literal["green", "yellow", "red"]


def light(value: float | None, *, green: float, red: float) -> Light | None:
    """`green`: from where on it meets its target, `red`: from where on it misses it; between the two it is yellow. More
    is better where green is the greater one, else less is. None without a value: nothing has happened yet."""
    if value is None:
        return None
    sign = 1 if green >= red else -1
    if sign * value >= sign * green:
        return "green"
    return "red" if sign * value <= sign * red else "yellow"
