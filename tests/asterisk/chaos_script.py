"""What happens in a chaos run: who rings in when, who answers, how it ends. The script is the truth.

Each `Planned` is one caller with a number of its own, by which the ledger's conversation is found again. Pure: dice in,
plan out. Played by chaos_street.py, held against the ledger by chaos_truth.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from crm.pbx.sandbox_calls import CallFile

NOT_SOON = "3600"
KEPT_ON_S = 120.0
"""How long a caller would stay who never hangs up first."""
TARGETS = ("1007", "1008")
"""SIP seats that callers are handed over to, and that ring without a queue."""
DIRECT_TALK_S = 7.0
"""How long these talk."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ledger must say of a call. `talks`: seconds of each talk, None where the script does not fix them."""

    outcome: str
    ended_by: str
    waits: tuple[str, ...] = ()
    talks: tuple[float | None, ...] = ()
    transfers: tuple[str, ...] = ()
    missed: int = 0


@dataclass(frozen=True, slots=True)
class HandOver:
    """The agent's own act in the middle of the talk: BlindTransfer or Atxfer of a SIP seat, sent over AMI."""

    action: str
    to: str
    after_s: float = 1.2


@dataclass(frozen=True, slots=True)
class Planned:
    """One caller. `at_s`: seconds from the beginning of the run."""

    kind: str
    number: str
    at_s: float
    call: CallFile
    expected: Expected
    hand_over: HandOver | None = None


@dataclass(slots=True)
class _Writer:
    """Writes one call of a kind."""

    number: str
    at_s: float
    dice: random.Random
    kind: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def between(self, low: float, high: float) -> float:
        return round(self.dice.uniform(low, high), 2)

    def planned(
        self,
        expected: Expected,
        *,
        stay_s: float = KEPT_ON_S,
        dialled: str = "95000",
        hand_over: HandOver | None = None,
        **variables: str,
    ) -> Planned:
        seats = {f"__{name.upper()}": value for name, value in variables.items()}
        call = CallFile(
            number=self.number,
            name="王芳" if self.dice.random() < 0.2 else "",
            dialled=dialled,
            keys_after_s=0,
            stay_s=stay_s,
            variables={"__CALLNO": self.number, "__TRANSFER_CONTEXT": "internal", **seats},
        )
        return Planned(self.kind, self.number, self.at_s, call, expected, hand_over)


def agent_ends(w: _Writer) -> Planned:
    talk_s = w.between(1.5, 8)
    expected = Expected("answered", "agent", ("answered",), (talk_s,))
    return w.planned(expected, sandbox_ring_s=f"{w.between(0.2, 2)}", sandbox_talk_s=f"{talk_s}")


def caller_ends(w: _Writer) -> Planned:
    expected = Expected("answered", "caller", ("answered",), (None,))
    return w.planned(
        expected, stay_s=w.between(7, 14), sandbox_ring_s=f"{w.between(0.2, 1.5)}", sandbox_talk_s=NOT_SOON
    )


def abandons(w: _Writer) -> Planned:
    expected = Expected("abandoned", "caller", ("abandoned",))
    return w.planned(expected, stay_s=w.between(1.5, 12), sandbox_ring_s=NOT_SOON)


def declined_first(w: _Writer) -> Planned:
    misses, talk_s = w.dice.randint(1, 3), w.between(1.5, 6)
    expected = Expected("answered", "agent", ("answered",), (talk_s,), missed=misses)
    return w.planned(
        expected,
        sandbox_ring_s=f"{w.between(0.2, 1)}",
        sandbox_talk_s=f"{talk_s}",
        misses=f"{misses}",
        miss_cause=w.dice.choice(("17", "21", "19")),
    )


def rings_out(w: _Writer) -> Planned:
    """The first seat lets it ring until the queue gives it up after 15 s, and the caller gives up at the second."""
    expected = Expected("abandoned", "caller", ("abandoned",), missed=1)
    return w.planned(expected, stay_s=w.between(18, 24), sandbox_ring_s=NOT_SOON)


def waits_too_long(w: _Writer) -> Planned:
    expected = Expected("no_answer", "system", ("timeout",), missed=1)
    return w.planned(expected, dialled="96030", sandbox_ring_s=NOT_SOON)


def blind_by_keys(w: _Writer) -> Planned:
    """A Local seat hands the caller back to the queue."""
    talk_s = w.between(1.5, 5)
    expected = Expected("answered", "agent", ("answered", "answered"), (None, talk_s), ("blind",))
    ring_s = f"{w.between(0.2, 1)}"
    return w.planned(expected, sandbox_ring_s=ring_s, sandbox_talk_s=f"{talk_s}", keys="##ww2001", kept_s="30")


def attended_by_keys(w: _Writer) -> Planned:
    """A Local seat consults a phone by keys, and lets go while both talk."""
    expected = Expected("answered", "agent", ("answered",), (None, None), ("attended",))
    target = w.dice.choice(TARGETS)
    return w.planned(expected, sandbox_ring_s="0.4", sandbox_talk_s="5", keys=f"*2ww{target}", kept_s="4")


def sip_blind(w: _Writer) -> Planned:
    expected = Expected("answered", "agent", ("answered",), (None, DIRECT_TALK_S), ("blind",))
    return w.planned(expected, dialled="96001", hand_over=HandOver("BlindTransfer", w.dice.choice(TARGETS)))


def sip_attended(w: _Writer) -> Planned:
    expected = Expected("answered", "agent", ("answered",), (None, None), ("attended",))
    return w.planned(expected, dialled="96001", hand_over=HandOver("Atxfer", w.dice.choice(TARGETS)))


def direct(w: _Writer) -> Planned:
    expected = Expected("answered", "agent", (), (DIRECT_TALK_S,))
    return w.planned(expected, dialled=f"96010{w.dice.choice(TARGETS)}{w.number}")


def self_served(w: _Writer) -> Planned:
    return w.planned(
        Expected("self_served", "system"), dialled=f"96020{w.number}", sandbox_ring_s=f"{w.between(0.5, 4)}"
    )


def leaves_the_menu(w: _Writer) -> Planned:
    return w.planned(Expected("abandoned", "caller"), dialled=f"96021{w.number}", stay_s=w.between(0.5, 5))


KINDS: dict[Callable[[_Writer], Planned], int] = {
    agent_ends: 32,
    caller_ends: 18,
    abandons: 13,
    declined_first: 8,
    rings_out: 2,
    waits_too_long: 4,
    blind_by_keys: 5,
    attended_by_keys: 2,
    sip_blind: 2,
    sip_attended: 2,
    direct: 4,
    self_served: 4,
    leaves_the_menu: 4,
}
"""Of a hundred calls so many."""


def written(calls: int, calls_per_s: float, dice: random.Random) -> list[Planned]:
    """The plan, by the time of each call."""
    kinds, weights = list(KINDS), list(KINDS.values())
    times = sorted(dice.uniform(0, calls / calls_per_s) for _ in range(calls))
    found = []
    for number, at_s in enumerate(times, 1):
        kind = dice.choices(kinds, weights)[0]
        found.append(kind(_Writer(f"1380{number:07d}", at_s, dice, kind.__name__)))
    return found
