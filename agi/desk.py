"""The questions a flow may ask the CRM, each with a time limit.

The caller is on the line while we ask: past the limit the query is cancelled in Postgres and the safe answer given, and
the caller goes on. CrmDesk is called from a call's greenlet, so a plain call here awaits the same async subjects that
the web uses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct
from psycopg import Error as PostgresError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases, customer_facts, customers, metrics, number_lists, orders, routing
from crm.database import Database
from crm.questions import ask
from crm.refusals import CrmUnavailable
from crm.rules.opening_hours import OpeningHours, is_open
from crm.rules.personal_queues import number_of, personal_queue
from crm.rules.phone_display import shown_as
from crm.rules.phone_numbers import to_e164
from crm.rules.waiting_credit import CreditRules
from crm.rules.waiting_credit import told as told_credit
from crm.settings import Settings

from . import http_answers, promising, registered_steps
from .answers import Balance, Caller, CaseStatus, Missing, OrderStatus, Routed
from .call_thread import await_
from .endings import JoinQueue
from .patience import REST_S, Patience
from .steps import AskHttp, BookCallback, RunStep
from .visit_book import VisitBook, learnt
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
    settings: Settings | None = None


class CrmDesk:
    """The desk of one call, inside the server."""

    def __init__(
        self,
        site: Site,
        database: Database,
        book: VisitBook,
        number: str,
        clock: Callable[[], datetime] = now,
        patience: Patience | None = None,
        linkedid: str = "",
    ) -> None:
        self._site = site
        self._linkedid = linkedid
        self._kept_s = 0
        self._database = database
        self._book = book
        self._number = number
        self._clock = clock
        self._patience = patience or Patience()
        self._shown_as = ""

    @property
    def budget_s(self) -> float:
        """How long one question may keep the caller waiting."""
        return self._site.budget_s

    def find_caller(self) -> Caller:
        """Whose number is this, and is it let in? Of two customers with one number neither is taken."""
        number = to_e164(self._number, self._site.country)
        if number is None:
            return Caller()

        async def look() -> Caller:
            # One round trip: a caller waits for it, and nothing has been heard yet.
            entries, owners = await ask(self._database, number_lists.asked_of(number), customers.owners_of(number))
            if (why := number_lists.blocked_by(entries)) is not None:
                return Caller(number, blocked=why)
            if len(owners) != 1:
                return Caller(number)
            owner: customers.Owner = owners[0]
            self._shown_as = shown_as(owner.tier, owner.name)
            return Caller(number, owner.id, owner.language, tier=owner.tier, code=owner.code)

        return self._told("find_caller", lambda: in_time(look(), self._site.budget_s), Caller(number), about=number)

    def is_open(self) -> bool:
        """By the hours in the settings: never a question to the database."""
        return is_open(self._site.hours, self._clock())

    def find_customer(self, code: str) -> Caller | Missing:
        """Whose printed number did the caller type?"""

        async def look(session: AsyncSession) -> Caller | Missing:
            found = await customers.find(session, code)
            if found is None:
                return "not_found"
            return Caller(None, found.id, found.language, tier=found.tier, code=found.code)

        return self._ask("find_customer", look, "unavailable", about=code)

    def local_time(self) -> datetime:
        """What the site's clock shows."""
        return self._clock().astimezone(ZoneInfo(self._site.hours.zone))

    def order(self, customer_id: UUID | None, number: str | None) -> OrderStatus | Missing:
        """A customer's newest order, or the one of this number; its expected day as the site's calendar says it."""

        async def look(session: AsyncSession) -> OrderStatus | Missing:
            if number is not None:
                order = await orders.find(session, number, customer_id=customer_id)
            else:
                order = await orders.latest_of(session, customer_id) if customer_id else None
            if order is None:
                return "not_found"
            expected = order.expected_on.astimezone(ZoneInfo(self._site.hours.zone)) if order.expected_on else None
            return OrderStatus(order.number, order.state, expected.date() if expected else None)

        return self._ask("order", look, "unavailable")

    def case(self, customer_id: UUID | None, number: str | None) -> CaseStatus | Missing:
        """The customer's case that is open, or the one of this number."""

        async def look(session: AsyncSession) -> CaseStatus | Missing:
            found = await cases.asked_about(session, customer_id, number)
            return CaseStatus(found.number, found.state) if found else "not_found"

        return self._ask("case", look, "unavailable")

    def balance(self, customer_id: UUID) -> Balance | Missing:
        """What a customer still has to pay: as another system says, else the orders received and not paid."""

        async def look(session: AsyncSession) -> Balance | Missing:
            owed = await customer_facts.balance_of(session, customer_id) or await orders.owed_by(session, customer_id)
            return Balance(*owed) if owed is not None else "not_found"

        return self._ask("balance", look, "unavailable")

    def ask_http(self, question: AskHttp) -> dict[str, str] | Missing:
        """Somebody else's answer, if it comes in time and is what the menu says it is."""

        async def fetch() -> dict[str, str] | Missing:
            async with http_answers.new_client() as client:
                return await http_answers.ask(client, question)

        host = urlsplit(question.url).hostname
        return self._told(f"http {host}", lambda: in_time(fetch(), self.budget_s), "unavailable")

    def run(self, step: RunStep) -> dict[str, str] | Missing:
        """A registered step, in a thread. Past its limit the caller goes on; the thread's answer is thrown away."""

        async def work() -> dict[str, str] | Missing:
            function = registered_steps.load(step.step)
            answer = await asyncio.to_thread(function, step.facts)
            return {str(name): str(value) for name, value in answer.items()}

        return self._told(f"run {step.step}", lambda: in_time(work(), step.within_ms / 1000), "unavailable")

    def book_callback(self, wanted: BookCallback) -> str:
        """Promise to call back, where that can be kept."""
        settings = self._site.settings
        if settings is None:
            return "not_offered"

        async def work() -> str:
            return await promising.promise(self._database, settings, wanted, linkedid=self._linkedid, customer_id=None)

        return self._told("book_callback", lambda: in_time(work(), self._site.budget_s), "not_offered")

    def take_survey(self, name: str) -> str:
        """Surveys are kept nowhere yet."""
        return "not_offered"

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

        async def look() -> routing.Decided | None:
            self._kept_s = await promising.kept_s(self._database, join.queue, notes.number_e164, notes.customer_id)
            late = notes.customer_id is not None and await cases.has_breached_case(self._database, notes.customer_id)
            return await routing.decide(self._database, asked, self._site.routing, breached_case=late)

        decided = self._told("route", lambda: in_time(look(), self._site.budget_s), None)
        if decided is None:
            return Routed(max(0, join.credit_s), display=self._shown_as)
        notes.routing = _routing_row(notes, join.queue, decided, self._clock())
        last, told = decided.last_agent, decided.prediction
        seat = number_of(personal_queue(last.seat) or "") if last and last.seat else ""
        said = told.minutes if told and decided.announce else None
        return Routed(
            decided.credit.seconds + self._kept_s,
            f"{seat}/{decided.last_agent_s}" if seat and decided.last_agent_s else "",
            announce=(told.position, *said) if told and said else None,
            display=self._shown_as,
            why=told_credit(decided.credit.seconds, decided.credit.reasons),
        )

    def learn(self, notes: VisitNotes) -> None:
        """Write what is known of the caller before the phone of an agent rings; later, if the database is away."""
        if not await_(self._book.write_now(learnt(notes), self._site.budget_s)):
            _log.warning("caller facts are late")

    def _ask(
        self,
        what: str,
        look: Callable[[AsyncSession], Coroutine[Any, Any, _Answer]],
        otherwise: _Answer,
        about: str | None = None,
    ) -> _Answer:
        async def read() -> _Answer:
            async with self._database.reading() as session:
                return await look(session)

        return self._told(what, lambda: in_time(read(), self._site.budget_s), otherwise, about)

    def _told(
        self,
        what: str,
        asked: Callable[[], Coroutine[Any, Any, _Answer]],
        otherwise: _Answer,
        about: str | None = None,
    ) -> _Answer:
        """The answer of whoever is asked, or what is safe to say when none comes in time."""
        counted, clock = metrics.ivr(), asyncio.get_running_loop().time
        question = what.partition(" ")[0]
        if not self._patience.may_ask(what, clock()):
            counted.desk_spared.labels(question).inc()
            return self._patience.remembered(what, about, otherwise, clock())
        try:
            with counted.desk_s.labels(question).time():
                answer: _Answer = await_(asked())
        except (TimeoutError, CrmUnavailable, SQLAlchemyError, PostgresError, http_answers.NoAnswer) as away:
            _log.warning("no answer in time", question=what, why=str(away) or "time limit")
        except Exception:
            # Somebody else's step broke; the caller must not pay for it.
            if question != "run":
                raise
            _log.exception("a registered step broke", question=what)
        else:
            self._patience.answered(what, about, answer, clock())
            return answer
        counted.desk_late.labels(question).inc()
        if self._patience.failed(what, clock()):
            _log.warning("not asked for a while: callers would wait for nothing", question=what, seconds=REST_S)
        return self._patience.remembered(what, about, otherwise, clock())


async def in_time(asked: Coroutine[Any, Any, _Answer], within_s: float) -> _Answer:
    """The answer, or TimeoutError exactly when the time is over: not when the question has been cancelled, for which a
    Postgres that stands still would have to answer."""
    task: asyncio.Task[_Answer] = asyncio.ensure_future(asked)
    try:
        done, _ = await asyncio.wait({task}, timeout=within_s)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        task.add_done_callback(lambda late: late.cancelled() or late.exception())
        raise TimeoutError
    return task.result()


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
