"""Which customers are dialled before an agent is rung, each for a seat that is kept free meanwhile.

In queues whose `callback_dialling` is customer_first. The bridge keeps seats free for as many as are wanted here, and
hands in those that Asterisk has confirmed; only for them tries are opened. Nobody is dialled while somebody with a
better place waits in that queue: the next free agent is theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from crm import callback_tries
from crm.hints import hint_live
from crm.settings import Settings

from .callers_promised import without_callers
from .place_callbacks import Place, fit, moment, place_of

SEATS_AHEAD = 5
"""So many seats of a queue are asked for at a time: the next look, a second later at most, asks for more."""


class Dials(Struct, frozen=True):
    """What to send now; and by queue, for how many more a seat is wanted, the longest promised first."""

    places: list[Place]
    wanted: dict[str, int]


async def claim_for_seats(
    session: AsyncSession,
    settings: Settings,
    node: str,
    fence: int,
    kept: Mapping[str, str],
    now: datetime | None = None,
    *,
    on_line: Collection[str] = (),
) -> Dials:
    """Open a try for each seat that is kept free, in the order of places; promises that may not be rung now are put
    off, with the reason. kept: by seat, the queue that it is kept free for; on_line: numbers, as signalled, of who
    waits in a queue now."""
    now = now or datetime.now(UTC)
    first = {queue: number + SEATS_AHEAD for queue, number in Counter(kept.values()).items()}
    due, free = await callback_tries.claim_customer_first(
        session, node, fence, most=settings.callback_places, first=first, others=SEATS_AHEAD, kept=kept
    )
    if not due:
        return Dials([], {})
    decided_by = await moment(session, settings, now)
    places: list[Place] = []
    wanted: dict[str, int] = {}
    for each in await without_callers(session, settings, due, on_line):
        queue, wanted_here = each.promise.queue, wanted.get(each.promise.queue, 0)
        if 0 < each.seats <= wanted_here or wanted_here >= SEATS_AHEAD:
            continue  # a seat more than there are is in vain
        callee = fit(each, decided_by)
        if callee is None:
            continue
        seat = next((seat for seat, theirs in kept.items() if theirs == queue and seat in free), None)
        if seat is None:
            wanted[queue] = wanted_here + 1
            continue
        free.discard(seat)
        attempt_id = callback_tries.write_attempt(session, each.promise, fence, kind="customer_first", seat=seat)
        places.append(place_of(each, attempt_id, callee, settings, now, seat=seat))
    await session.flush()
    if places:
        await hint_live(session, node, queues={place.queue for place in places})
    return Dials(places, wanted)
