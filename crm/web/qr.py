"""A square picture that a phone reads. The only file that knows segno. Called by the page of one's own sign-in."""

from __future__ import annotations

import segno
from markupsafe import Markup


def picture(text: str) -> Markup:
    """The text as a drawing for the page itself: no style and no address in it, as our policy wants."""
    drawn = segno.make(text, error="m", micro=False)
    return Markup(drawn.svg_inline(scale=5, border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None))  # noqa: S704 - drawn by us of squares alone
