"""Where the ribbons of a Sankey drawing run: places in columns by how manieth stop they were, endings at the right.

Pure: from counted ways to numbers that a template draws. The smallest places of a column are drawn as one; the table
beside the drawing has them all.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

WIDTH, HEIGHT = 1100, 460
NODE_WIDTH = 14
GAP = 14
MOST_COLUMNS = 7
MOST_IN_A_COLUMN = 9
REST = "…"
"""Stands for the places of a column that are too small to draw."""

Ways = Mapping[tuple[int, str, str], int]
"""(how manieth stop, from, to) → visits; an ending begins with `=`."""


class Node(Struct, frozen=True):
    """One place in one column. `name` REST: several; `ending`: a visit ended here so."""

    column: int
    name: str
    ending: bool
    visits: int
    x: float
    y: float
    height: float


class Ribbon(Struct, frozen=True):
    """Visits that went from one place to another: `path` for an SVG, `width` its stroke."""

    begin: str
    end: str
    visits: int
    path: str
    width: float
    ending: bool


class Drawing(Struct, frozen=True):
    """All of it, in a box of WIDTH × HEIGHT."""

    nodes: list[Node]
    ribbons: list[Ribbon]


def draw(ways: Ways) -> Drawing:
    """The drawing; empty of no ways."""
    folded = _fold(ways)
    if not folded:
        return Drawing([], [])
    columns: dict[int, dict[str, int]] = {}
    out: dict[tuple[int, str], int] = {}
    for (column, begin, _end), visits in folded.items():
        out[column, begin] = out.get((column, begin), 0) + visits
    arrived: dict[tuple[int, str], int] = {}
    for (column, _begin, end), visits in folded.items():
        arrived[column + 1, end] = arrived.get((column + 1, end), 0) + visits
    for column, name in {*out, *arrived}:
        columns.setdefault(column, {})[name] = max(out.get((column, name), 0), arrived.get((column, name), 0))
    most = max(sum(inside.values()) for inside in columns.values())
    places = max(len(inside) for inside in columns.values())
    scale = (HEIGHT - GAP * (places - 1)) / most
    step = (WIDTH - NODE_WIDTH) / max(columns)
    nodes: dict[tuple[int, str], Node] = {}
    for number, inside in sorted(columns.items()):
        y = 0.0
        for name, visits in sorted(inside.items(), key=_size):
            height = max(1.5, visits * scale)
            plain = name.removeprefix("=")
            nodes[number, name] = Node(
                number, plain, name.startswith("="), visits, round(number * step, 1), round(y, 1), round(height, 1)
            )
            y += height + GAP
    return Drawing(list(nodes.values()), _ribbons(folded, nodes, scale))


def _ribbons(folded: Ways, nodes: Mapping[tuple[int, str], Node], scale: float) -> list[Ribbon]:
    left: dict[tuple[int, str], float] = {}
    right: dict[tuple[int, str], float] = {}
    ribbons = []
    for (column, begin, end), visits in sorted(folded.items(), key=lambda way: (way[0][0], -way[1], way[0])):
        first, last = nodes[column, begin], nodes[column + 1, end]
        width = max(1.0, visits * scale)
        y_first = first.y + left.get((column, begin), 0.0) + width / 2
        y_last = last.y + right.get((column + 1, end), 0.0) + width / 2
        left[column, begin] = left.get((column, begin), 0.0) + width
        right[column + 1, end] = right.get((column + 1, end), 0.0) + width
        x_first, x_last = first.x + NODE_WIDTH, last.x
        middle = (x_first + x_last) / 2
        curve = f"C{middle:.1f} {y_first:.1f} {middle:.1f} {y_last:.1f} {x_last:.1f} {y_last:.1f}"
        path = f"M{x_first:.1f} {y_first:.1f}{curve}"
        plain = end.removeprefix("=")
        ribbons.append(Ribbon(begin, plain, visits, path, round(width, 1), end.startswith("=")))
    return ribbons


def _fold(ways: Ways) -> dict[tuple[int, str, str], int]:
    """The ways with small places and late stops folded together."""
    sizes: dict[int, dict[str, int]] = {}
    for (column, begin, end), visits in ways.items():
        sizes.setdefault(column, {}).setdefault(begin, 0)
        sizes[column][begin] += visits
        if not end.startswith("="):
            sizes.setdefault(column + 1, {}).setdefault(end, 0)
    kept = {
        column: {name for name, _ in sorted(places.items(), key=_size)[:MOST_IN_A_COLUMN]}
        for column, places in sizes.items()
    }
    folded: dict[tuple[int, str, str], int] = {}
    for (column, begin, end), visits in ways.items():
        if column >= MOST_COLUMNS - 1:
            continue
        begin = begin if begin in kept[column] else REST
        if not end.startswith("="):
            end = end if column + 1 < MOST_COLUMNS - 1 and end in kept.get(column + 1, ()) else REST
        folded[column, begin, end] = folded.get((column, begin, end), 0) + visits
    return folded


def _size(place: tuple[str, int]) -> tuple[bool, int, str]:
    name, visits = place
    return name.startswith("="), -visits, name
