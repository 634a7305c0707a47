"""A desk that answers what it was told beforehand: for simulations, golden calls and drawings of a call on paper.

Same questions as the real one (questions.py); nothing is looked up, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from crm.rules.waiting_credit import CreditRules, Standing, told, waiting_credit

from .answers import Balance, Caller, CaseStatus, Missing, OrderStatus, Routed
from .endings import JoinQueue
from .steps import AskHttp, BookCallback, RunStep
from .visit_notes import VisitNotes


class Paper(Struct, frozen=True):
    """What the company is said to know. `customers`: printed number → customer; `http`, `runs`: the answers, in order
    of no importance: the first that has every field wanted is given."""

    caller: Caller
    at: datetime
    is_open: bool = True
    order: OrderStatus | Missing = "not_found"
    case: CaseStatus | Missing = "unavailable"
    balance: Balance | Missing = "not_found"
    customers: Mapping[str, Caller] = {}
    http: Mapping[str, str] | Missing = "unavailable"
    runs: Mapping[str, Mapping[str, str]] = {}
    credit: CreditRules | None = None
    callback: str = "not_offered"
    survey: str = "not_offered"


class PaperDesk:
    """The desk of one call on paper."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper

    def find_caller(self) -> Caller:
        return self.paper.caller

    def find_customer(self, code: str) -> Caller | Missing:
        return self.paper.customers.get(code, "not_found")

    def is_open(self) -> bool:
        return self.paper.is_open

    def local_time(self) -> datetime:
        return self.paper.at

    def order(self, customer_id: UUID | None, number: str | None) -> OrderStatus | Missing:
        """Asked by number, only the order with that number is found."""
        order = self.paper.order
        return "not_found" if isinstance(order, OrderStatus) and number not in (None, order.number) else order

    def case(self, customer_id: UUID | None, number: str | None) -> CaseStatus | Missing:
        case = self.paper.case
        return "not_found" if isinstance(case, CaseStatus) and number not in (None, case.number) else case

    def balance(self, customer_id: UUID) -> Balance | Missing:
        return self.paper.balance

    def ask_http(self, question: AskHttp) -> dict[str, str] | Missing:
        http = self.paper.http
        if isinstance(http, str):
            return http
        return (
            {name: http[name] for name in question.answer} if question.answer.keys() <= http.keys() else "unavailable"
        )

    def run(self, step: RunStep) -> dict[str, str] | Missing:
        return dict(self.paper.runs[step.step]) if step.step in self.paper.runs else "unavailable"

    def route(self, join: JoinQueue, notes: VisitNotes) -> Routed:
        """By the caller's worth; without rules, what the flow itself gives."""
        if self.paper.credit is None:
            return Routed(max(0, join.credit_s))
        found = waiting_credit(Standing(self.paper.caller.tier, given_s=join.credit_s), self.paper.credit)
        return Routed(found.seconds, why=told(found.seconds, found.reasons))

    def book_callback(self, wanted: BookCallback) -> str:
        return self.paper.callback

    def take_survey(self, name: str) -> str:
        return self.paper.survey

    def learn(self, notes: VisitNotes) -> None:
        """Nowhere to write."""
