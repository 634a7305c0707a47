"""For how long beyond its expiry a wish may still come true: a phone that was told to ring rings on.

Asked by whoever calls an open wish expired: the bridge, those who wait for a wish, the desk. Pure.
"""

from __future__ import annotations

RING_S = 20.0
"""How long the agent's own phone rings that is to dial."""
_UNTIL_IT_RINGS_S = 10.0
"""How late it may begin: the seat is kept free first."""


def longer_s(kind: str) -> float:
    """Seconds after its expiry in which a wish of this kind that was sent is still open."""
    return RING_S + _UNTIL_IT_RINGS_S if kind == "dial" else 0.0
