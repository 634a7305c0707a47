"""A menu as one SVG picture: a card a part, a row a step, a line wherever a key leads to another part.

Cards stand in columns by how many parts lie before them, so that a call runs from left to right; what leads back is
named on its row instead of drawn across the picture. Called by `kefu ivr graph` and the tests. Pure.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from xml.sax.saxutils import escape

from msgspec import Struct

from .picture_rows import PromptTexts, Row, Rows
from .tree import Menu

WIDTH, GAP, MARGIN = 430, 110, 24
LINE, HEAD, INDENT, LABEL = 17, 30, 18, 78
LETTER = 6.7
COLOURS = {"heard": "#1d3557", "question": "#0b6e4f", "key": "#222222", "fork": "#5a3e85", "quiet": "#6b6b6b"}
ENDING, LEADING = "#b23a48", "#2b59c3"


class Line(Struct, frozen=True):
    """One line of text inside a card, `y` below the card's top."""

    y: int
    row: Row
    text: str
    first: bool
    last: bool


class Card(Struct):
    """One part where it stands."""

    part: str
    lines: list[Line]
    height: int
    x: int = 0
    y: int = 0


def draw(menu: Menu, texts: PromptTexts, languages: Sequence[str]) -> str:
    """The whole picture."""
    rows = Rows(menu, texts, languages)
    first = menu.nodes[menu.start].part
    order = [first, *(part for part in menu.parts if part != first)]
    cards = {part: _card(part, rows.of_part(part)) for part in order}
    columns = _columns(first, cards)
    width, height = _place(columns, cards)
    column_of = {part: number for number, column in enumerate(columns) for part in column}
    drawn = [_edges(card, cards, column_of) for card in cards.values()]
    drawn += [_drawn(card, column_of) for card in cards.values()]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    fonts = 'font-family="system-ui, Noto Sans, Noto Sans CJK SC, sans-serif" font-size="12">'
    title = f"<title>{escape(menu.name)}: what callers hear and where each key leads</title>"
    ground = '<rect width="100%" height="100%" fill="#f7f7f5"/>'
    return "\n".join([f"{head} {fonts}", title, ground, *drawn, "</svg>\n"])


def _card(part: str, rows: list[Row]) -> Card:
    lines: list[Line] = []
    y = HEAD + LINE
    for row in rows:
        room = WIDTH - 24 - row.indent * INDENT - (LABEL if row.label else 0)
        wrapped = _wrapped(row.text, room - (len(row.ends or row.leads) * LETTER + 30 if row.ends or row.leads else 0))
        for number, text in enumerate(wrapped):
            lines.append(Line(y, row, text, first=number == 0, last=number == len(wrapped) - 1))
            y += LINE
    return Card(part, lines, y - 4)


def _columns(first: str, cards: dict[str, Card]) -> list[list[str]]:
    """Parts by how many others lie before them at the least."""
    depth = {first: 0}
    waiting = [first]
    while waiting:
        part = waiting.pop(0)
        for line in cards[part].lines:
            if line.row.leads in cards and line.row.leads not in depth:
                depth[line.row.leads] = depth[part] + 1
                waiting.append(line.row.leads)
    for part in cards:
        depth.setdefault(part, 0)
    return [[part for part in depth if depth[part] == column] for column in range(max(depth.values()) + 1)]


def _place(columns: list[list[str]], cards: dict[str, Card]) -> tuple[int, int]:
    bottom = 0
    for number, column in enumerate(columns):
        y = MARGIN
        for part in column:
            cards[part].x, cards[part].y = MARGIN + number * (WIDTH + GAP), y
            y += cards[part].height + 36
        bottom = max(bottom, y)
    return 2 * MARGIN + len(columns) * WIDTH + (len(columns) - 1) * GAP, bottom - 36 + MARGIN


def _edges(card: Card, cards: dict[str, Card], column_of: dict[str, int]) -> str:
    """Lines to parts that stand further right."""
    paths = []
    for line in card.lines:
        target = cards.get(line.row.leads)
        if target is None or not line.last or column_of[target.part] <= column_of[card.part]:
            continue
        x1, y1 = card.x + WIDTH, card.y + line.y - 4
        x2, y2 = target.x, target.y + HEAD // 2
        middle = (x1 + x2) // 2
        paths.append(
            f'<path d="M{x1},{y1} C{middle},{y1} {middle},{y2} {x2 - 6},{y2}" fill="none" stroke="{LEADING}" '
            f'stroke-width="1.5"/><path d="M{x2},{y2} l-8,-4 v8 z" fill="{LEADING}"/>'
        )
    return "\n".join(paths)


def _drawn(card: Card, column_of: dict[str, int]) -> str:
    out = [
        f'<g transform="translate({card.x},{card.y})">',
        f'<rect width="{WIDTH}" height="{card.height}" rx="8" fill="#ffffff" stroke="#c9c9c4"/>',
        f'<path d="M0,{HEAD} v-22 a8,8 0 0 1 8,-8 h{WIDTH - 16} a8,8 0 0 1 8,8 v22 z" fill="#e8e9f3"/>',
        f'<text x="12" y="20" font-weight="700" font-size="13">{escape(card.part)}</text>',
    ]
    for line in card.lines:
        row = line.row
        x = 12 + row.indent * INDENT
        colour = COLOURS[row.kind]
        if row.label and line.first:
            out.append(f'<text x="{x}" y="{line.y}" fill="{colour}" font-weight="700">{escape(row.label)}</text>')
        x += LABEL if row.label else 0
        weight = ' font-weight="600"' if row.kind == "question" else ""
        if line.text:
            out.append(f'<text x="{x}" y="{line.y}" fill="{colour}"{weight}>{escape(line.text)}</text>')
        if line.last and (row.ends or row.leads):
            back = row.leads and column_of.get(row.leads, 0) <= column_of[card.part]
            out.append(
                _badge(line.y, row.ends or ("↩ " if back else "→ ") + row.leads, ENDING if row.ends else LEADING)
            )
    return "\n".join([*out, "</g>"])


def _badge(y: int, text: str, colour: str) -> str:
    width = int(_length(text) * LETTER) + 18
    x = WIDTH - width - 8
    return (
        f'<rect x="{x}" y="{y - 12}" width="{width}" height="16" rx="8" fill="{colour}"/>'
        f'<text x="{x + 7}" y="{y}" fill="#ffffff">{escape(text)}</text>'
    )


def _length(text: str) -> int:
    """Letters, a Chinese one counted as two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _wrapped(text: str, room: float) -> list[str]:
    """Text in lines that fit; Chinese breaks anywhere, English at blanks."""
    most = max(12, int(room / LETTER))
    if _length(text) <= most:
        return [text]
    if _length(text) == len(text):
        return textwrap.wrap(text, most) or [""]
    lines, line = [], ""
    for letter in text:
        if _length(line + letter) > most:
            # An English word is not cut where the line has room for a break.
            head, blank, rest = line.rpartition(" ")
            kept = blank and letter.isascii() and rest.isascii() and len(head) > most // 3
            lines.append(head if kept else line)
            line = rest if kept else ""
        line += letter
    return [*lines, line]
