"""What happened, for those who were away: announcements by number, with the bodies that webhooks have."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import func, select

from crm import announcements
from crm.deeds.deliver_webhooks import told
from crm.rules.event_catalogue import CATALOGUE, schema
from crm.tables.announcements import Announcement

from .asking import Asking, asked
from .fields import PAGE, Limit
from .problems import Refused, answers

router = APIRouter(tags=["events"])

HIGHEST = 2**62


class EventAnswer(BaseModel):
    """One event: the very body that a webhook is sent."""

    type: str
    version: int
    number: int
    key: str
    timestamp: datetime
    data: dict[str, Any]


class EventsAnswer(BaseModel):
    """Events in order. `last`: the number to ask on from; `more`: there are some after it already."""

    items: list[EventAnswer]
    last: int
    more: bool


class KindAnswer(BaseModel):
    """One line of the catalogue. `in_order_of`: events of one of these are told in their order."""

    kind: str
    version: int
    in_order_of: str
    means: str
    data_schema: dict[str, Any]


@router.get("/events", responses=answers(410))
async def list_events(
    asking: Annotated[Asking, asked("event.read", bound=True)],
    after: Annotated[
        int | None,
        Query(ge=0, le=HIGHEST, description="The number up to which you know all; none: begin at what happens now."),
    ] = None,
    limit: Limit = PAGE,
) -> EventsAnswer:
    """What happened after a number. Ask without one to learn `last`, read what there is, then go on from it."""
    async with asking.database.reading() as session:
        newest = int(await session.scalar(select(func.coalesce(func.max(Announcement.number), 0))) or 0)
        if after is None:
            return EventsAnswer(items=[], last=newest, more=False)
        found = await announcements.since(session, after, limit=limit + 1, queues=asking.queues)
        items = [EventAnswer.model_validate(told(each)) for each in found[:limit]]
        more = len(found) > limit
        read = items[-1].number if items else after
        last = read if more else max(read, newest)
        # Numbers have no holes of their own: where one is missing, it was dropped, though an older one may be kept.
        numbers = select(func.count()).where(Announcement.number > after, Announcement.number <= last)
        there = await session.scalar(numbers) or 0
    if there < last - after:
        raise Refused(410, f"events after {after} were dropped: read what there is anew, then go on from {newest}")
    return EventsAnswer(items=items, last=last, more=more)


@router.get("/events/catalogue", responses=answers())
async def list_kinds(asking: Annotated[Asking, asked("event.read", bound=True)]) -> list[KindAnswer]:
    """Every kind of event, with the JSON Schema of its data."""
    return [
        KindAnswer(
            kind=kind.name, version=kind.version, in_order_of=kind.key, means=kind.means, data_schema=schema(kind)
        )
        for kind in CATALOGUE.values()
    ]
