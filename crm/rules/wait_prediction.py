"""How long a caller will wait, as a range that holds four times out of five, or nothing when that cannot be said.

Asterisk's own hold time is a running mean of the past over answered calls alone; it is promised to nobody. Ours comes
from the place in the queue, the seats that work, and how long they were observed to need for a call and its after-call
work: of k calls that must end first, each of c seats ends one every `mean` seconds, so the wait is an Erlang(k) time.
Called by the IVR's desk just before a caller joins. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

FEWEST_OBSERVED = 8
LONGEST_SAID_MINUTES = 30
AT_ONCE_S = 30
"""A free seat: the ring and the way to the phone."""
Z_10_90 = 1.2816


class SeatNow(Struct, frozen=True):
    """A seat that works now. `shared_by`: how many queues with waiting callers ring it, this one included.

    `held_back`: by skill it is rung only for callers who have waited a while."""

    free: bool
    shared_by: int = 1
    held_back: bool = False


class Prediction(Struct, frozen=True):
    """`low_s`, `high_s`: none when no honest range can be given; `why` says what it rests on, or what is missing."""

    position: int
    low_s: int | None
    high_s: int | None
    why: str

    @property
    def at_once(self) -> bool:
        """A seat is free for this caller: nothing need be announced."""
        return self.low_s == 0 and self.high_s == AT_ONCE_S

    @property
    def minutes(self) -> tuple[int, int] | None:
        """The range in whole minutes as it is said: (2, 4); (0, 1) is less than one minute. None: say no time."""
        if self.low_s is None or self.high_s is None or self.at_once:
            return None
        low, high = self.low_s // 60, max(1, math.ceil(self.high_s / 60))
        return (low, max(high, low + 1)) if high <= LONGEST_SAID_MINUTES else None


def place(mine: float, others: Sequence[float]) -> int:
    """The place among those waiting of a caller who counts as having come at `mine`: of equals the earlier is first."""
    return 1 + sum(1 for other in others if other <= mine)


def predict(position: int, seats: Sequence[SeatNow], handled_s: Sequence[float]) -> Prediction:
    """The range for the caller at `position` (1: next). handled_s: talk with after-call work of calls lately served.

    Seats held back by skill may shorten the wait, so they count for its lower end alone.
    """
    sure = _range(position, [seat for seat in seats if not seat.held_back], handled_s)
    held = sum(1 for seat in seats if seat.held_back)
    if not held or sure.low_s is None:
        return sure
    soon = _range(position, seats, handled_s)
    return Prediction(position, min(sure.low_s, soon.low_s or 0), sure.high_s, f"{sure.why}, {held} more later")


def _range(position: int, seats: Sequence[SeatNow], handled_s: Sequence[float]) -> Prediction:
    free = sum(1 for seat in seats if seat.free)
    if position <= free and all(seat.shared_by <= 1 for seat in seats if seat.free):
        return Prediction(position, 0, AT_ONCE_S, f"{free} free")
    if not seats:
        return Prediction(position, None, None, "nobody works in this queue who may be rung at once")
    if len(handled_s) < FEWEST_OBSERVED:
        return Prediction(position, None, None, f"only {len(handled_s)} calls were observed lately")
    mean = sum(handled_s) / len(handled_s)
    spread = math.sqrt(sum((each - mean) ** 2 for each in handled_s) / len(handled_s)) / mean if mean else 0.0
    working = sum(1 / max(1, seat.shared_by) for seat in seats)
    ahead = max(1, position - free)
    each_s = mean / working
    # The mean itself is known only so well: the fewer calls observed, the wider.
    unsure = Z_10_90 * spread / math.sqrt(len(handled_s))
    low = erlang_quantile(ahead, each_s, -Z_10_90, 0.1) * max(0.0, 1 - unsure)
    high = erlang_quantile(ahead, each_s, Z_10_90, 0.9) * (1 + unsure)
    why = f"{ahead} to end first, {working:.1f} seats at work, {mean:.0f} s a call over {len(handled_s)} calls"
    return Prediction(position, int(low), math.ceil(high), why)


def erlang_quantile(k: int, each_s: float, z: float, share: float) -> float:
    """The time within which k ends of `each_s` apart on average happen with probability `share` (normal quantile z)."""
    if k == 1:
        return -math.log(1 - share) * each_s
    # Wilson and Hilferty: the cube root of a gamma variable is nearly normal (within 1 % from k = 2 on).
    root = 1 - 1 / (9 * k) + z / (3 * math.sqrt(k))
    return k * float(root**3) * each_s
