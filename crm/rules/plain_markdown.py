"""A small Markdown for articles, and nothing else: what is not of it is shown as it was typed.

Headings (#, ##), lists (-, 1.), paragraphs, **strong**, *stress*, `code`, [text](https://…). No raw HTML, no pictures,
no other addresses than http, https and our own. Every character is escaped before a tag of ours is put beside it.
Called by pages. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

LONGEST = 60_000
_BULLET = re.compile(r"\s{0,3}[-*]\s+(.*)")
_NUMBER = re.compile(r"\s{0,3}\d{1,3}(?:[.)]\s+|、\s*)(.*)")
_HEADING = re.compile(r"(#{1,3})\s+(.*)")
# After escaping, so that quotes and angles are entities already and no tag can begin inside.
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\(((?:https?://|/)[^\s()<>\"'\\]{1,1000})\)")
_STRONG = re.compile(r"\*\*(\S(?:[^*\n]*\S)?)\*\*")
_STRESS = re.compile(r"(?<![*\w])\*(\S(?:[^*\n]*\S)?)\*(?![*\w])")
_KEPT = re.compile("\x01(\\d+)\x02")


def to_html(text: str) -> str:
    """HTML of an article's body, safe to be put into a page."""
    lines = "".join(each if each.isprintable() or each in "\n\t" else "" for each in text[:LONGEST]).split("\n")
    return "\n".join(_blocks(lines))


def _blocks(lines: list[str]) -> Iterator[str]:
    paragraph: list[str] = []
    items: list[str] = []
    kind = ""

    def flush() -> Iterator[str]:
        nonlocal paragraph, items
        if paragraph:
            yield f"<p>{'<br>'.join(paragraph)}</p>"
        if items:
            yield f"<{kind}>{''.join(f'<li>{item}</li>' for item in items)}</{kind}>"
        paragraph, items = [], []

    for line in lines:
        heading = _HEADING.fullmatch(line)
        bullet, number = _BULLET.fullmatch(line), _NUMBER.fullmatch(line)
        if heading:
            yield from flush()
            level = len(heading[1]) + 2  # the page's own headings stand above
            yield f"<h{level}>{_inline(heading[2].rstrip(' #'))}</h{level}>"
        elif bullet or number:
            wanted = "ul" if bullet else "ol"
            if paragraph or (items and kind != wanted):
                yield from flush()
            kind = wanted
            items.append(_inline((bullet or number or [""])[1]))
        elif line.strip():
            if items:
                yield from flush()
            paragraph.append(_inline(line.strip()))
        else:
            yield from flush()
    yield from flush()


def _inline(text: str) -> str:
    kept: list[str] = []

    def keep(html: str) -> str:
        kept.append(html)
        return f"\x01{len(kept) - 1}\x02"

    safe = escape(text, quote=True)
    safe = _CODE.sub(lambda found: keep(f"<code>{found[1]}</code>"), safe)
    safe = _LINK.sub(lambda found: keep(_link(found[1], found[2])), safe)
    safe = _STRONG.sub(r"<strong>\1</strong>", safe)
    safe = _STRESS.sub(r"<em>\1</em>", safe)
    while _KEPT.search(safe):  # a link's text may hold code
        safe = _KEPT.sub(lambda found: kept[int(found[1])], safe)
    return safe


def _link(text: str, address: str) -> str:
    if address.startswith("/") and address[1:2] in ("/", "\\"):  # //elsewhere.example leads away
        return f"[{text}]({address})"
    return f'<a href="{address}" rel="noopener noreferrer">{text}</a>'
