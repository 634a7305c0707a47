"""Whether something lies in a time when nobody looked, or at its edge. Pure; called by merging, filling and keeping."""

from __future__ import annotations

from collections.abc import Iterable

from crm.ledger.conversations import Conversation
from crm.ledger.sight import BlindWindow

EDGE_S = 2.0
"""Sight is noticed as lost, and Asterisk's clock read, only so exactly."""


def touches(row: Conversation, windows: Iterable[BlindWindow], until: float) -> bool:
    """Whether any of the conversation lies in a window. until: when the last word about an open one was heard."""
    ended_at = row.ended_at if row.ended_at is not None else until
    return any(row.started_at <= _end(window) and ended_at >= _begin(window) for window in windows)


def inside(at: float, windows: Iterable[BlindWindow]) -> bool:
    """Whether this moment is in one of the windows, edges and all."""
    return any(_begin(window) <= at <= _end(window) for window in windows)


def at_edge(at: float, windows: Iterable[BlindWindow]) -> bool:
    """Whether a window began or ended so near to this moment that a word of then may have been missed."""
    edges = [edge for window in windows for edge in (window.from_at, window.to_at) if edge is not None]
    return any(abs(at - edge) <= EDGE_S for edge in edges)


def _begin(window: BlindWindow) -> float:
    return window.from_at - EDGE_S


def _end(window: BlindWindow) -> float:
    return (window.to_at if window.to_at is not None else float("inf")) + EDGE_S
