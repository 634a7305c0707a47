"""The questions a flow may ask the CRM, each with a time limit.

The caller is on the line while we ask: past the limit the query is cancelled in Postgres and the safe answer given, and
the caller goes on. CrmDesk is called from a call's greenlet, so a plain call here awaits the same async subjects that
the web uses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import greenback
import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from crm import customers, metrics, number_lists, orders, routing
from crm.database import Database
from crm.refusals import CrmUnavailable
from crm.rules.opening_hours import OpeningHours, is_open
from crm.rules.personal_queues import number_of, personal_queue
from crm.rules.phone_numbers import to_e164
from crm.rules.waiting_credit import CreditRules

from .steps import Caller, JoinQueue, Missing, OrderStatus, Routed
from .visit_book import Entry, VisitBook, learnt, write
from .visit_notes import VisitNotes, now

_log = structlog.get_logger("agi.desk")
_Answer = TypeVar("_Answer")


NO_CREDIT = routing.Rules(CreditRules({}, 0, 0, 10), last_agent_days=7)


class Site(Struct, frozen=True):
    """What the desk has to know of the installation."""

    node: str
    country: str
    hours: OpeningHours
    budget_s: float
    routing: routing.Rules = NO_CREDIT


class CrmDesk:
    """The desk of one call, inside the server."""

    def __init__(
        self,
        site: Site,
        database: Database,
        book: VisitBook,
        number: str,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._site = site
        self._database = database
        self._book = book
        self._number = number
        self._clock = clock

    def find_caller(self) -> Caller:
        """Whose number is this, and is it let in? Of two customers with one number neither is taken."""
        number = to_e164(self._number, self._site.country)
        if number is None:
            return Caller()

        async def look(session: AsyncSession) -> Caller:
            if (why := await number_lists.why_blocked(session, number)) is not None:
                return Caller(number, blocked=why)
            found = await customers.find_by_number(session, number)
            if len(found) != 1:
                return Caller(number)
            return Caller(number, found[0].id, found[0].language)

        return self._ask("find_caller", look, Caller(number))

    def is_open(self) -> bool:
        """By the hours in the settings: never a question to the database."""
        return is_open(self._site.hours, self._clock())

    def latest_order(self, customer_id: UUID) -> OrderStatus | Missing:
        """The newest order of a customer, its expected day as the site's calendar says it."""

        async def look(session: AsyncSession) -> OrderStatus | Missing:
            order = await orders.latest_of(session, customer_id)
            if order is None:
                return "not_found"
            expected = order.expected_on.astimezone(ZoneInfo(self._site.hours.zone)) if order.expected_on else None
            return OrderStatus(order.number, order.state, expected.date() if expected else None)

        return self._ask("latest_order", look, "unavailable")

    def route(self, join: JoinQueue, notes: VisitNotes) -> Routed:
        """How this caller goes into the queue; without an answer in time, with the flow's own credit and no more."""
        asked = routing.Asked(
            node=self._site.node,
            linkedid=notes.linkedid,
            queue=join.queue,
            number_e164=notes.number_e164,
            customer_id=notes.customer_id,
            given_s=join.credit_s,
            last_agent_s=join.last_agent_s,
        )

        async def look(session: AsyncSession) -> routing.Decided | None:
            return await routing.decide(session, asked, self._site.routing)

        decided = self._ask("route", look, None)
        if decided is None:
            return Routed(max(0, join.credit_s))
        notes.routing = _routing_row(notes, join.queue, decided, self._clock())
        last, told = decided.last_agent, decided.prediction
        seat = number_of(personal_queue(last.seat) or "") if last and last.seat else ""
        said = told.minutes if told and decided.announce else None
        return Routed(
            decided.credit.seconds,
            f"{seat}/{decided.last_agent_s}" if seat and decided.last_agent_s else "",
            (told.position, *said) if told and said else None,
        )

    def learn(self, notes: VisitNotes) -> None:
        """Write what is known of the caller before the phone of an agent rings; later, if the database is away."""
        facts = learnt(notes)
        try:
            greenback.await_(self._learn(facts))
        except (TimeoutError, CrmUnavailable, SQLAlchemyError) as away:
            _log.warning("caller facts are late", why=str(away) or "time limit")
            self._book.enter(facts)

    async def _learn(self, facts: Entry) -> None:
        async with asyncio.timeout(self._site.budget_s), self._database.transaction() as session:
            await write(session, [facts])

    def _ask(self, what: str, look: Callable[[AsyncSession], Awaitable[_Answer]], otherwise: _Answer) -> _Answer:
        counted = metrics.ivr()
        try:
            with counted.desk_s.labels(what).time():
                answer: _Answer = greenback.await_(self._within_budget(look))
        except (TimeoutError, CrmUnavailable, SQLAlchemyError) as away:
            counted.desk_late.labels(what).inc()
            _log.warning("the CRM did not answer in time", question=what, why=str(away) or "time limit")
            return otherwise
        return answer

    async def _within_budget(self, look: Callable[[AsyncSession], Awaitable[_Answer]]) -> _Answer:
        async with asyncio.timeout(self._site.budget_s), self._database.reading() as session:
            return await look(session)


def _routing_row(notes: VisitNotes, queue: str, decided: routing.Decided, at: datetime) -> routing.RoutingRow:
    last, told = decided.last_agent, decided.prediction
    return routing.RoutingRow(
        visit_id=notes.id,
        node=notes.node,
        linkedid=notes.linkedid,
        queue=queue,
        decided_at=at,
        credit_s=decided.credit.seconds,
        credit_reasons=[{"why": reason.why, "seconds": reason.seconds} for reason in decided.credit.reasons],
        last_seat=last.seat if last else None,
        last_agent_id=last.agent_id if last else None,
        last_agent_s=decided.last_agent_s,
        last_agent_why=last.why if last else None,
        position=told.position if told else None,
        low_s=told.low_s if told else None,
        high_s=told.high_s if told else None,
        announced=decided.announce,
        prediction_why=told.why if told else None,
    )
