"""What a chaos run prints: figures of the mirror, outcomes beside the script, the first calls that differ."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from typing import Any

from center import KEFU
from chaos_faults import ChaosCenter
from chaos_truth import Verdict
from ledger_rows import rows
from rich.console import Console
from rich.table import Table

SHOWN = 5
_OF_ALL_CALLS = ("correction", "rung", "not rung", "queue order")
SIGHTS = ("in sight", "in the blind", "Asterisk fell")


def errors_of(center: ChaosCenter) -> list[str]:
    """What the bridge itself called an error: ours, whatever fell."""
    lines = center.bridge.log.read_text("utf-8", "replace").splitlines()
    errors = [line for line in lines if '"level": "error"' in line or line.startswith("Traceback")]
    return [f"{len(errors)} errors of the bridge, the first: {errors[0][:1500]}"] if errors else []


def failures(reconciled: dict[str, Any]) -> list[str]:
    """What reconcile could not explain, in sentences."""
    unexplained = [each for each in reconciled["differences"] if each["reason"] == "unexplained"]
    found = [f"{len(unexplained)} differences are unexplained"] if unexplained else []
    return found + [
        f"  {each['source']}: {each['what']}: ledger {each['ledger']}, file {each['file']} (call {each['call']})"
        for each in unexplained[:20]
    ]


async def print_figures(
    center: ChaosCenter,
    verdict: Verdict,
    reconciled: dict[str, Any],
    fell: Counter[str],
    wishes: Counter[str],
    played_s: float,
    whole_s: float,
) -> None:
    """All that a reader of docs/reliability.md wants to know, then what failed."""
    out = Console(width=140, highlight=False)
    out.print(_outcomes(verdict))
    out.print(_kinds(verdict))
    gaps = await center.kefu("bridge", "gaps", "--hours", "24")
    windows = gaps["windows"]
    (drift,) = [each for each in gaps["drift"] if each["node"] == center.node]
    out.print("fell: " + ", ".join(f"{count} × {name}" for name, count in fell.items()))
    out.print("wishes: " + ", ".join(f"{count} × {kind}" for kind, count in wishes.items()), await _wishes(center))
    out.print(
        f"blind: {sum(each['blind_s'] for each in windows):.1f} s in {len(windows)} windows, "
        f"{sum(each['rows_reconstructed'] for each in windows)} rows reconstructed"
    )
    out.print(
        f"drift: {drift['corrections']} corrections without blindness in {drift['messages']} messages, "
        f"{drift['drift_per_1000']} per 1 000; {drift['found_after_blindness']} found after blindness"
    )
    for what, drifted, count in await asyncio.to_thread(rows, center.database_url, _CORRECTIONS):
        out.print(f"  {count} × {what}" + (" (drift)" if drifted else ""))
    compared = ", ".join(f"{count} in {source}" for source, count in reconciled["compared"].items())
    out.print(f"reconcile: {compared}; {len(reconciled['differences'])} differences")
    for reason, count in reconciled["by_reason"].items():
        out.print(f"  {count} × {reason}")
    out.print(f"calls played in {played_s:.0f} s, all proved in {whole_s:.0f} s")
    out.print(f"{len(verdict.not_carried_out)} calls Asterisk itself played otherwise, as its files say, too")
    for each in verdict.not_carried_out[:SHOWN]:
        out.print(f"  {each}", markup=False)
    await _print_failures(out, center, verdict)


def _outcomes(verdict: Verdict) -> Table:
    table = Table("outcome", *(f"{sight}: {who}" for sight in SIGHTS for who in ("script", "ledger")))
    for outcome in sorted({outcome for _, outcome in (*verdict.expected, *verdict.outcomes)}):
        counts = [(verdict.expected[sight, outcome], verdict.outcomes[sight, outcome]) for sight in SIGHTS]
        table.add_row(outcome, *(str(count) for pair in counts for count in pair))
    return table


def _kinds(verdict: Verdict) -> Table:
    table = Table("kind of call", *(f"{sight}: as played" for sight in SIGHTS))
    for kind in sorted({kind for _, kind in verdict.by_kind}):
        table.add_row(kind, *(f"{verdict.right[sight, kind]}/{verdict.by_kind[sight, kind]}" for sight in SIGHTS))
    return table


async def _wishes(center: ChaosCenter) -> str:
    found = await asyncio.to_thread(rows, center.database_url, _WISHES)
    return "settled: " + ", ".join(f"{count} × {kind} {state}" for kind, state, count in found)


async def _print_failures(out: Console, center: ChaosCenter, verdict: Verdict) -> None:
    for complaint in verdict.failures:
        out.print(f"FAILED {complaint}", markup=False)
    if verdict.wrong:
        out.print(f"FAILED {len(verdict.wrong)} calls read otherwise than they were played", markup=False)
    seen: Counter[str] = Counter()
    for number, wrong in verdict.wrong.items():
        out.print(f"  {number}: {'; '.join(wrong)}", markup=False)
        seen["told"] += number in verdict.conversations
        if number in verdict.conversations and seen["told"] <= SHOWN:
            out.print(await asyncio.to_thread(_explained, center, verdict.conversations[number]), markup=False)


def _explained(center: ChaosCenter, conversation: str) -> str:
    command = [str(KEFU), "conversation", "explain", conversation]
    ran = subprocess.run(command, env=center.environment, capture_output=True, check=False)
    lines = (ran.stdout or ran.stderr).decode("utf-8", "replace").splitlines()
    return "\n".join(line for line in lines if not any(f"\t{word}\t" in line for word in _OF_ALL_CALLS))


_CORRECTIONS = """
SELECT
 regexp_replace(regexp_replace(what, '(Local|PJSIP)/\\S+|queue \\S+', 'X', 'g'), ' was \\S+ unseen', ' was Y unseen'),
       drift, count(*)
  FROM correction GROUP BY 1, 2 ORDER BY 3 DESC
"""
_WISHES = "SELECT kind, state, count(*) FROM pbx_request GROUP BY 1, 2 ORDER BY 1, 2"
