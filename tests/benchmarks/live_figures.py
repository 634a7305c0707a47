"""What bridge_live.py found, as percentiles, as promises kept or missed, and as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge_probe import Sample, Samples

LATE_MS = 50.0


def latencies(samples: Samples, prefix: str) -> dict[str, Any]:
    """Milliseconds, by rank. Each message counts once, with the time of the read that brought it."""
    told: dict[str, Callable[[], list[Sample]]] = {
        "called_to_commit": lambda: samples.called,
        "asterisk_called_to_commit": lambda: samples.called_stamped,
        "message_to_commit": lambda: samples.messages,
        "complete_to_pause": lambda: samples.paused,
        "asterisk_complete_to_pause": lambda: samples.paused_stamped,
    }
    found: dict[str, Any] = {}
    for name, of in told.items():
        spans = [(late - at) * 1000 for at, late, times in of() for _ in range(times)]
        found[f"{prefix}{name}_ms"] = {
            "count": len(spans),
            **{f"p{round(share * 100)}": _at(spans, share) for share in (0.5, 0.95, 0.99)},
            "max": _at(spans, 1.0),
        }
    return found


def _at(spans: list[float], share: float) -> float | None:
    ranked = sorted(spans)
    return round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 2) if ranked else None


def judged(found: dict[str, Any]) -> dict[str, Any]:
    cpu = found["cpu_ms_a_call"]
    found["bridge_share_of_asterisk"] = round(cpu["bridge"] / cpu["asterisk"], 3)
    late = [step["rate"] for step in found["ramp"] if (step["message_to_commit_ms"]["p99"] or 1e9) > LATE_MS]
    found["p99_passes_50_ms_at"] = late[0] if late else None
    pauses_stopped = found["stopped"].get("complete_to_pause_ms", {}).get("p99")
    found["met"] = {
        "AgentCalled → commit p95 ≤ 10 ms": _kept(found["usual_called_to_commit_ms"]["p95"], 10),
        "all messages p99 ≤ 50 ms": _kept(found["usual_message_to_commit_ms"]["p99"], LATE_MS),
        "AgentComplete → QueuePause p99 ≤ 5 ms": _kept(found["usual_complete_to_pause_ms"]["p99"], 5),
        "the same with Postgres stopped": not found["stopped"] or _kept(pauses_stopped, 5),
        "bridge ≤ 40 % of Asterisk's processor time": found["bridge_share_of_asterisk"] <= 0.4,
    }
    return found


def _kept(found: float | None, most: float) -> bool:
    return found is not None and found <= most


def print_table(found: dict[str, Any]) -> None:
    print(f"{found['calls']} calls, load of the machine before {found['load_before']:.1f}; {found['outcomes']}\n")
    print(f"{'milliseconds':52}{'count':>8}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>9}")
    for name, spans in found.items():
        if name.startswith("usual_"):
            _line(name[6:-3].replace("_", " "), spans)
    if found["stopped"]:
        stopped = found["stopped"]
        _line("complete to pause, Postgres stopped", stopped["complete_to_pause_ms"])
        written = f"{stopped['written_after']} of {stopped['calls']} calls"
        print(f"  {written} written {stopped['caught_up_s']} s after it was back")
    for step in found["ramp"]:
        _line(f"message to commit at {step['rate']:g}/s (reached {step['reached']})", step["message_to_commit_ms"])
    cpu = ", ".join(f"{name} {ms} ms" for name, ms in found["cpu_ms_a_call"].items())
    print(f"\n{found['messages_a_call']} messages a call in {found['batches_a_call']} transactions")
    print(f"processor time a call: {cpu}; the bridge {found['bridge_share_of_asterisk']:.0%} of Asterisk's")
    print(f"p99 of all messages passes {LATE_MS:g} ms at: {found['p99_passes_50_ms_at'] or 'no rate tried'}")
    for promise, kept in found["met"].items():
        print(f"{promise}: {'met' if kept else 'MISSED'}")


def _line(name: str, spans: dict[str, Any]) -> None:
    figures = "".join(
        f"{spans[key] if spans[key] is not None else float('nan'):>8.2f}" for key in ("p50", "p95", "p99")
    )
    print(f"{name:52}{spans['count']:>8}{figures}{spans['max'] if spans['max'] is not None else float('nan'):>9.2f}")
