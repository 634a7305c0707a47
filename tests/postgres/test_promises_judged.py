"""Whether a promise was kept in its window: nobody unsays that it was broken; and no hour is promised too often."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from test_callbacks import NODE, NUMBER, OTHER, claim, happened, promise, row, settings, working

from crm.database import Database
from crm.deeds import steer_callback
from crm.deeds.book_callback import CannotPromise, callee_of, free_slots
from crm.deeds.callers_promised import CallerSeen, meet
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.callbacks import Callback
from crm.wallboard import Wallboard

__all__ = ["settings", "working"]


async def made_earlier(database: Database, settings: Settings, hours: float = 3) -> UUID:
    """A promise whose window ended an hour before."""
    booked = (await promise(database, settings)).promise
    begin = datetime.now(UTC) - timedelta(hours=hours)
    told = {"asked_at": begin, "joined_at": begin, "window_begin": begin, "window_end": begin + timedelta(hours=2)}
    async with database.transaction() as session:
        await session.execute(update(Callback).where(Callback.id == booked.id).values(**told))
    return booked.id


@pytest.mark.parametrize(("hours", "kept"), [(3, False), (1, None)])
async def test_who_ends_it_after_its_window_has_not_kept_it(
    database: Database, settings: Settings, hours: float, kept: bool | None
) -> None:
    cancelled = await made_earlier(database, settings, hours)
    async with database.transaction() as session:
        await steer_callback.cancel(session, cancelled, by="amy")
    assert (await row(database, cancelled)).kept is kept
    attached = await made_earlier(database, settings, hours)
    async with database.transaction() as session:
        answered = CallerSeen(NUMBER, "9.9", "support", datetime.now(UTC))
        assert await meet(session, settings, NODE, answered)
    found = await row(database, attached)
    assert (found.state, found.kept) == ("attached", kept)


async def test_another_hour_or_another_chance_does_not_mend_a_broken_promise(
    database: Database, settings: Settings
) -> None:
    moved = await made_earlier(database, settings)
    async with database.transaction() as session:
        slots = await free_slots(session, settings, "support", await callee_of(session, NUMBER, None, None))
        await steer_callback.reschedule(session, settings, moved, slots[2].begin, by="amy")
    assert (await row(database, moved)).kept is False
    async with database.transaction() as session:
        await steer_callback.cancel(session, moved, by="amy")
        await steer_callback.requeue(session, settings, moved, by="amy")
    [place] = await claim(database, settings)
    now = datetime.now(UTC)
    assert (
        await happened(database, place.attempt_id, dialled_at=now, chose="1", talked_at=now, ended_at=now) == "reached"
    )
    assert (await row(database, moved)).kept is False


async def test_what_is_opened_again_is_promised_for_when_somebody_may_be_rung(
    database: Database, settings: Settings
) -> None:
    booked = await made_earlier(database, settings)
    now = datetime.now(UTC)
    later = (now + timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    wish = f"mon-sun {later:%H}:00-{later + timedelta(hours=1):%H}:00" if later.hour < 23 else "mon-sun 00:00-01:00"
    async with database.transaction() as session:
        await steer_callback.cancel(session, booked, by="amy")
        await session.execute(update(Callback).values(zone="UTC", wish=wish))
        again = await steer_callback.requeue(session, settings, booked, by="amy")
    assert again.window_begin > now + timedelta(minutes=30)
    assert (again.due_at, again.window_end) == (again.window_begin, again.window_begin + timedelta(minutes=30))


async def test_a_slot_takes_as_many_as_it_may_however_many_ask_at_once(database: Database, settings: Settings) -> None:
    four = settings.model_copy(update={"callback_slot_capacity": 4})
    async with database.reading() as session:
        begin = (await free_slots(session, four, "support", await callee_of(session, NUMBER, None, None)))[3].begin
    asked = [promise(database, four, f"+861380013800{n}", begin=begin) for n in range(10)]
    came = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(each).__name__ for each in came) == ["Booked"] * 4 + [CannotPromise.__name__] * 6
    other = (await promise(database, four, OTHER)).promise
    with pytest.raises(Refusal, match="is not free"):
        async with database.transaction() as session:
            await steer_callback.reschedule(session, four, other.id, begin, by="amy")


async def test_the_lane_counts_what_ended_today_whenever_it_was_asked_for(
    database: Database, settings: Settings
) -> None:
    kept, broken = (await promise(database, settings)).promise, (await promise(database, settings, OTHER)).promise
    closed = {"state": "reached", "closed_at": datetime.now(UTC), "asked_at": datetime.now(UTC) - timedelta(days=2)}
    async with database.transaction() as session:
        await session.execute(update(Callback).where(Callback.id == kept.id).values(**closed, kept=True))
        await session.execute(update(Callback).where(Callback.id == broken.id).values(**closed, kept=False))
    lane = (await Wallboard(database, settings.zone).board()).lane
    assert (lane.open, lane.kept, lane.judged) == (0, 1, 2)
