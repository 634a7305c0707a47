"""Promises to call back, as the desk of a call makes them: written within the step's time limit, or not promised.

A promise that is committed after its time limit is found when the caller joins the queue again, and is kept by that
very call. Called by desk.py alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from crm import callbacks
from crm.database import Database
from crm.deeds.book_callback import CannotPromise, Wanted, book
from crm.settings import Settings

from .steps import BookCallback

ABOUT_THE_NUMBER = frozenset({"withheld", "unreadable", "premium", "no_phone", "country_not_served", "do_not_call"})


async def promise(
    database: Database, settings: Settings, wanted: BookCallback, *, linkedid: str, customer_id: UUID | None
) -> str:
    """ "booked"; "not_this_number" where another one may do; "not_offered"."""
    joined_at = datetime.fromtimestamp(wanted.joined_at, UTC) if wanted.joined_at else None
    asked = Wanted(
        wanted.queue,
        wanted.number,
        "queue" if joined_at else "menu",
        "ivr",
        wanted.language,
        customer_id=customer_id,
        joined_at=joined_at,
        linkedid=linkedid or None,
    )
    try:
        async with database.transaction() as session:
            await book(session, settings, asked)
    except CannotPromise as refused:
        return "not_this_number" if refused.why in ABOUT_THE_NUMBER else "not_offered"
    return "booked"


async def kept_s(database: Database, queue: str, number: str | None, customer_id: UUID | None) -> int:
    """Who rings in while a callback from this queue is promised has waited since its place: so many seconds."""
    async with database.reading() as session:
        standing = await callbacks.open_one(session, queue, number, customer_id)
    if standing is None:
        return 0
    return max(0, int((datetime.now(UTC) - standing.place_at).total_seconds()))
