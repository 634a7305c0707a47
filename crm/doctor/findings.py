"""What a look at one hop can come to. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from .faults import FAULTS


class State(StrEnum):
    """BROKEN ends the round with exit code 1; WARNING and UNKNOWN do not."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    NOT_CHECKED = "not_checked"


class Verdict(Struct, frozen=True):
    """A judged hop. `fault` is a key of FAULTS, `words` fill the places in its texts."""

    state: State
    said: str
    fault: str | None = None
    words: dict[str, str] = {}


class Finding(Struct, frozen=True):
    """One line of the report; its fields are what `kefu doctor --json` prints."""

    hop: str
    state: State
    said: str
    fault: str | None
    why: str | None
    mend: str | None
    took_ms: int


def fine(said: str) -> Verdict:
    return Verdict(State.OK, said)


def unknown(said: str) -> Verdict:
    """It could not be looked at from here, which is no fault."""
    return Verdict(State.UNKNOWN, said)


def warned(fault: str, said: str, **words: str) -> Verdict:
    return Verdict(State.WARNING, said, fault, words)


def broken(fault: str, said: str, **words: str) -> Verdict:
    return Verdict(State.BROKEN, said, fault, words)


def not_checked(because: list[str]) -> Verdict:
    """`because`: the broken hops that this one stands on, near or far."""
    are = "is" if len(because) == 1 else "are"
    return Verdict(State.NOT_CHECKED, f"not checked because {' and '.join(because)} {are} broken")


class _Words(dict[str, str]):
    """A word that nobody gave is a fault of ours, and no reason to lose the finding."""

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def written_up(hop: str, verdict: Verdict, took_s: float) -> Finding:
    """The verdict with why it matters and what mends it."""
    fault = FAULTS[verdict.fault] if verdict.fault else None
    return Finding(
        hop=hop,
        state=verdict.state,
        said=verdict.said,
        fault=verdict.fault,
        why=fault.why.format_map(_Words(verdict.words)) if fault else None,
        mend=fault.mend.format_map(_Words(verdict.words)) if fault else None,
        took_ms=round(took_s * 1000),
    )
