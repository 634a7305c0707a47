"""One round: each hop is looked at as soon as all that it stands on is well, each within its own deadline.

Hops that do not stand on each other run at once, so the slowest chain is the length of a round. Blocking probes run in
threads; their sockets have time limits of their own, so no thread outlives its hop for long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from crm.refusals import Refusal
from crm.settings import Settings

from .findings import Finding, State, Verdict, broken, not_checked, written_up
from .sights import AsteriskSeen

TIME_LIMIT_S = 3.0


@dataclass(slots=True)
class Round:
    """What a round knows so far. A probe fills in what the hops that stand on it will need."""

    settings_file: str
    overrides: dict[str, object] = field(default_factory=dict)
    settings: Settings | None = None
    database_address: str | None = None
    asterisk: AsteriskSeen = field(default_factory=AsteriskSeen)

    @property
    def known_settings(self) -> Settings:
        """The settings, for hops that stand on the hop `settings`."""
        if self.settings is None:
            raise RuntimeError("this hop must stand on the hop 'settings'")
        return self.settings


Probe = Callable[[Round], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Hop:
    """`silent_fault`: what it means when the probe gets no answer in time."""

    name: str
    probe: Probe
    needs: tuple[str, ...] = ()
    silent_fault: str = "probe-failed"
    deadline_s: float = TIME_LIMIT_S


async def walk(
    hops: Sequence[Hop], round_: Round, tell: Callable[[Finding], None] = lambda finding: None
) -> list[Finding]:
    """All findings in the order of `hops`; `tell` hears each as it is made."""
    looked: dict[str, asyncio.Task[Finding]] = {}
    roots: dict[str, list[str]] = {}

    async def look(hop: Hop) -> Finding:
        below = [await looked[name] for name in hop.needs]
        ill = [root for finding in below for root in roots[finding.hop]]
        begun = time.monotonic()
        verdict = not_checked(list(dict.fromkeys(ill))) if ill else await _judged(hop, round_)
        roots[hop.name] = ill or ([hop.name] if verdict.state is State.BROKEN else [])
        finding = written_up(hop.name, verdict, time.monotonic() - begun)
        tell(finding)
        return finding

    async with asyncio.TaskGroup() as group:
        for hop in hops:  # what a hop needs stands before it in the list
            looked[hop.name] = group.create_task(look(hop))
    return [looked[hop.name].result() for hop in hops]


async def _judged(hop: Hop, round_: Round) -> Verdict:
    words = {"file": round_.settings_file, "etc": round_.asterisk.etc_folder}
    try:
        async with asyncio.timeout(hop.deadline_s):
            verdict = await hop.probe(round_)
    except TimeoutError:
        verdict = broken(hop.silent_fault, f"no answer within {hop.deadline_s:g} s")
    except (Refusal, OSError) as refused:
        verdict = broken(hop.silent_fault, " ".join(str(refused).split()))
    except Exception as stumbled:  # noqa: BLE001 - one probe's bug must not hide what the others saw
        verdict = broken("probe-failed", f"{type(stumbled).__name__}: {stumbled}")
    return Verdict(verdict.state, verdict.said, verdict.fault, {**words, **verdict.words})
