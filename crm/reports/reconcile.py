"""Does the ledger say what Asterisk's own files say? Call by call, each difference with its reason.

`reconcile` reads queue_log (and CEL) and the ledger of one node, and compares what began in a span. Nothing is written.
Called by `kefu report reconcile`.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from crm.database import Database
from crm.refusals import Refusal
from crm.rules.cel import calls as cel_calls
from crm.rules.cel import cut_off
from crm.rules.queue_log import stays

from . import against_cel, against_queue_log
from .against_queue_log import Span
from .ledger_calls import read_calls, read_sight
from .log_files import Faults, Progress, cel_events, queue_log_lines
from .reasons import Difference

MARGIN_S = 6 * 3600.0
"""Calls that began so long before the span may still be in its files."""
AFTER_S = 60.0
"""Calls so soon after a file's last line are looked at, too: they may be what it lacks."""
_FOREVER = 4_102_444_800.0


class NothingToCompare(Refusal):
    """The file holds no line that could be compared."""


class Reconciled(Struct, frozen=True):
    """What was compared, and what differs. `compared` counts calls of each side inside the span."""

    node: str
    since: float
    until: float
    compared: dict[str, int]
    differences: list[Difference]
    bad_lines: Faults

    @property
    def unexplained(self) -> list[Difference]:
        return [each for each in self.differences if each.reason == "unexplained"]

    @property
    def by_reason(self) -> dict[str, int]:
        return dict(Counter(each.reason for each in self.differences).most_common())

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "node": self.node,
            "from": self.since,
            "to": self.until,
            "compared": self.compared,
            "unexplained": len(self.unexplained),
            "by_reason": self.by_reason,
            "differences": [{**structs.asdict(each), "why": each.why} for each in self.differences],
            "bad_lines": structs.asdict(self.bad_lines),
        }


async def reconcile(
    database: Database,
    node: str,
    queue_log: Path,
    cel: Path | None = None,
    *,
    since: float | None = None,
    until: float | None = None,
    zone: tzinfo = UTC,
    progress: Progress | None = None,
) -> Reconciled:
    """Compare what began in [since, until) (default: all that the queue_log holds).

    zone: of times in the files that are no epoch seconds. Raises NothingToCompare and log_files.Unreadable.
    """
    faults = Faults()
    lines = list(queue_log_lines(queue_log, zone, faults, progress))
    events = list(cel_events(cel, zone, faults)) if cel is not None else []
    log_span = _span([line.at for _, line in lines], since, until, last_second_s=1.0)
    cel_span = _span([event.at for event in events], since, until, last_second_s=0.0)
    if log_span is None and cel_span is None:
        raise NothingToCompare(f"{queue_log} holds no line that can be read: name Asterisk's queue_log")
    whole = [span for span in (log_span, cel_span) if span is not None]
    first, last = min(span.since for span in whole), max(span.until for span in whole)
    async with database.reading() as session:
        calls = await read_calls(session, node, first - MARGIN_S, min(last + MARGIN_S, _FOREVER))
        seen = await read_sight(session, node)
    differences: list[Difference] = []
    compared = {"ledger": sum(first <= call.row.started_at < last for call in calls)}
    if log_span is not None:
        found = list(stays(lines))
        compared["queue_log"] = sum(log_span.holds(stay.first_at) for stay in found)
        differences += against_queue_log.compare(calls, found, seen, log_span)
    if cel_span is not None:
        told = list(cel_calls(events))
        starts = sorted(line.at for _, line in lines if line.event == "QUEUESTART")
        cut_off(told, sorted(event.at for event in events), starts)
        compared["cel"] = sum(cel_span.holds(each.started_at) for each in told)
        differences += against_cel.compare(calls, told, seen, cel_span)
    if cel_span is not None:
        differences = against_cel.weighed(differences)
    differences.sort(key=lambda each: (each.reason != "unexplained", each.at, each.call, each.what))
    return Reconciled(node, first, last, compared, differences, faults)


def _span(times: list[float], since: float | None, until: float | None, *, last_second_s: float) -> Span | None:
    """What is compared of a file, None when it has nothing."""
    if not times:
        return None
    first, last = min(times), max(times)
    return Span(
        since=first if since is None else since,
        until=last + AFTER_S if until is None else until,
        first_at=first,
        last_at=last + last_second_s,
    )
