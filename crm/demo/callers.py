"""Who rings in during the demo, what they press, and how long they stay: the script of the simulated callers.

Pure: dice are passed in. The demo's center drops what this yields into the private Asterisk. Strangers are asked for
their language first, and a key may come too early for anything, so each caller presses a key more than once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from msgspec import Struct

from crm.pbx.sandbox_calls import CallFile

HOTLINE = "95000"
HALF_A_SECOND = "w"
"""What a key sequence holds for half a second of doing nothing."""


class Person(Struct, frozen=True):
    """Somebody who may ring in: a customer's number, or a stranger's."""

    number: str
    name: str = ""


class Errand(Struct, frozen=True):
    """Why somebody rings. `patience_s`: how long they stay from the answer on; `share`: out of all errands' shares.

    `key` is pressed `presses` times, `every_s` apart.
    """

    name: str
    key: str
    presses: int
    every_s: float
    patience_s: tuple[float, float]
    share: int


ERRANDS = (
    Errand("asks for support", key="2", presses=9, every_s=1.5, patience_s=(120, 240), share=60),
    Errand("asks for the reception", key="0", presses=9, every_s=1.5, patience_s=(120, 240), share=15),
    Errand("asks where an order is", key="1", presses=2, every_s=4.0, patience_s=(30, 40), share=15),
    Errand("cannot wait", key="2", presses=6, every_s=1.5, patience_s=(12, 22), share=10),
)

STRANGERS = (
    Person("02161234567", "Shanghai"),
    Person("13700009999"),
    Person("+442079460123", "O'Brien & Sons"),
    Person("anonymous"),
)
STRANGER_SHARE = 0.12

RING_S = (2.5, 5.0)
TALK_S = (6.0, 18.0)


def callers(customers: Sequence[Person], dice: Random) -> Iterator[CallFile]:
    """Callers without end, no customer twice until all have called."""
    waiting: list[Person] = []
    while True:
        if not waiting:
            waiting = [*customers] or [*STRANGERS]
            dice.shuffle(waiting)
        stranger = dice.random() < STRANGER_SHARE
        yield caller(dice.choice(STRANGERS) if stranger else waiting.pop(), dice)


def caller(person: Person, dice: Random, errand: Errand | None = None) -> CallFile:
    """One call of this person. Who serves them rings and talks as long as this call says."""
    errand = errand or dice.choices(ERRANDS, [each.share for each in ERRANDS])[0]
    pause = HALF_A_SECOND * max(1, round(errand.every_s * 2))
    return CallFile(
        number=person.number,
        name=person.name,
        dialled=HOTLINE,
        keys=pause.join(errand.key * errand.presses),
        keys_after_s=2.0,
        stay_s=dice.uniform(*errand.patience_s),
        variables={
            "__SANDBOX_RING_S": f"{dice.uniform(*RING_S):.1f}",
            "__SANDBOX_TALK_S": f"{dice.uniform(*TALK_S):.1f}",
        },
    )
