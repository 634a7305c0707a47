"""What was seen of our own services → a verdict. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from .findings import Verdict, broken, fine, unknown, warned

STALE_S = 5.0

# Stage of a test call, and how many seconds it may take after the one before. A silent caller hears every menu out.
CALL_STAGES = (("conversation", 3.0), ("wait", 40.0), ("offer", 20.0), ("card", 2.0), ("painted", 3.0))

LOST = {
    "web": "agents have no desk: they answer without knowing who calls",
    "ivr": "callers hear no menu: each goes straight to reception",
    "bridge": "no cards, no states, no wallboard",
    "worker": "other systems hear nothing, and nightly figures are not made",
}


class NodeSeen(Struct, frozen=True):
    """The bridge's own row, in seconds from now by Postgres' clock."""

    heard_s_ago: float | None
    lost_s_ago: float | None
    lease_left_s: float | None
    lease_holder: str | None
    asterisk_version: str | None


class CallbacksSeen(Struct, frozen=True):
    """Promises that are open, those of them past their window with nobody rung, and customers who are dialled first
    without a seat that is kept free. `halted`: queues of which nothing is placed now ('' for all)."""

    open: int
    late: int
    beyond_seats: int
    halted: Sequence[str] = ()


class Answer(Struct, frozen=True):
    """What a health page said; status 0 when nothing did."""

    status: int
    told: dict[str, object]


def judge_program(version: str, strangers: Sequence[str], lacking: Sequence[str]) -> Verdict:
    """`strangers`: other distributions that install our package names; `lacking`: packages of ours not found whole."""
    if strangers:
        said = f"{', '.join(strangers)} installs packages of the same names as Kefu's"
        return broken("foreign-package", said, other=" ".join(strangers))
    if lacking:
        return broken("program-incomplete", f"{', '.join(lacking)} is not Kefu's, or not there", version=version)
    return fine(f"Kefu {version}, all packages are its own")


def judge_bridge(node: str, seen: NodeSeen | None) -> Verdict:
    if seen is None or seen.heard_s_ago is None:
        return broken("bridge-never", f"no bridge has ever watched {node}")
    if seen.heard_s_ago > STALE_S:
        if seen.lost_s_ago is not None:
            return broken("bridge-blind", f"the bridge of {node} has not heard Asterisk for {_age(seen.heard_s_ago)}")
        return broken("bridge-stale", f"nobody has watched {node} for {_age(seen.heard_s_ago)}")
    if seen.lost_s_ago is not None:
        return broken("bridge-blind", f"the bridge of {node} lost sight {_age(seen.lost_s_ago)} ago")
    if seen.lease_left_s is None or seen.lease_left_s < 0:
        return broken("bridge-no-lease", f"no bridge holds the lease of {node}")
    return fine(f"{node} was heard {max(seen.heard_s_ago, 0.0):.1f} s ago, watched by {seen.lease_holder}")


def judge_callbacks(seen: CallbacksSeen) -> Verdict:
    if seen.beyond_seats > 0:
        said = f"{seen.beyond_seats} customer(s) are dialled first for whom no seat is kept free"
        return broken("callbacks-beyond-seats", said)
    halted = f"; halted: {', '.join(queue or 'all queues' for queue in seen.halted)}" if seen.halted else ""
    if seen.late:
        said = f"{seen.late} of {seen.open} promised callbacks are past their window, and nobody was rung{halted}"
        return warned("callbacks-late", said)
    return fine(f"{seen.open} callbacks are promised, none is past its window unrung{halted}")


def judge_service(name: str, where: str, alive: Answer, ready: Answer, command: str) -> Verdict:
    """`alive` and `ready`: what /healthz and /readyz said."""
    lost = LOST[name]
    if alive.status == 0:
        return broken(
            "service-silent", f"nothing answers at {where} ({alive.told.get('why')})", lost=lost, command=command
        )
    if alive.status not in (200, 503) or "ok" not in alive.told:
        port = where.rpartition(":")[2]
        return broken(
            "service-stranger", f"{where} answers, but it is not Kefu's {name}", port=port, service=name, lost=lost
        )
    if alive.status != 200:
        return broken(
            "service-ill", f"{name} says: {alive.told.get('why', 'a part of it has ended')}", lost=lost, command=command
        )
    if ready.status == 503:
        return warned(
            "service-waiting", f"{name} lives but cannot serve: {ready.told.get('why', 'it does not say why')}"
        )
    return fine(f"{name} answers at {where}")


def judge_fastagi(where: str, port: int, said: str | None) -> Verdict:
    """`said`: the first line in answer to a call of the doctor's; empty: closed without a word; None: silence."""
    if said is None:
        return broken("fastagi-silent", f"{where} takes calls and says nothing")
    if not said.startswith('VERBOSE "Kefu'):
        what = f"answers {said[:40]!r}" if said else "hangs up without a word"
        return broken("fastagi-stranger", f"{where} {what}: that is not Kefu's menu server", port=str(port))
    return fine(f"{where} answers calls: {said.split(chr(34))[1]}")


def judge_call(reached_s: Mapping[str, float], stuck: str | None) -> Verdict:
    """`reached_s`: stage → seconds after the call was placed; `stuck`: the stage it did not come to."""
    told = ", ".join(f"{stage} after {seconds:.1f} s" for stage, seconds in reached_s.items())
    if stuck is None:
        return fine(f"test call: {told}")
    said = f"the test call never came to: {stuck} ({told or 'nothing was seen of it'})"
    if stuck == "conversation":
        return broken("call-unseen", said)
    if stuck == "painted":
        return warned("call-not-painted", said)
    return broken({"wait": "call-no-queue", "offer": "call-no-seat", "card": "call-no-card"}[stuck], said)


def no_health_port(name: str) -> Verdict:
    return unknown(f"{name}_health_port is 0, and no kefu up runs here that knows where {name} tells its health")


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
