"""What a flow may ask of the company, and who answers: every answer comes, in time.

The player asks the desk of the call (desk.py in the server, the classic script's own, the paper desk of a simulation)
through this one table, so that all of them answer the same questions.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from .answers import Balance, Caller, CaseStatus, Missing, OrderStatus, Routed
from .endings import JoinQueue
from .steps import (
    AskHttp,
    AskIfOpen,
    AskTime,
    BookCallback,
    FindCaller,
    FindCustomer,
    LookUpBalance,
    LookUpCase,
    LookUpOrder,
    RunStep,
    Step,
    TakeSurvey,
)
from .visit_notes import VisitNotes


class Desk(Protocol):
    """Who answers a flow's questions."""

    def find_caller(self) -> Caller: ...

    def find_customer(self, code: str) -> Caller | Missing: ...

    def is_open(self) -> bool: ...

    def local_time(self) -> datetime: ...

    def order(self, customer_id: UUID | None, number: str | None) -> OrderStatus | Missing: ...

    def case(self, customer_id: UUID | None, number: str | None) -> CaseStatus | Missing: ...

    def balance(self, customer_id: UUID) -> Balance | Missing: ...

    def ask_http(self, question: AskHttp) -> dict[str, str] | Missing: ...

    def run(self, step: RunStep) -> dict[str, str] | Missing: ...

    def route(self, join: JoinQueue, notes: VisitNotes) -> Routed: ...

    def book_callback(self, wanted: BookCallback) -> str: ...

    def take_survey(self, name: str) -> str: ...

    def learn(self, notes: VisitNotes) -> None: ...


def answer_of(step: Step, desk: Desk) -> Any:
    """The desk's answer to a step that is a question."""
    match step:
        case FindCaller():
            return desk.find_caller()
        case FindCustomer(code=code):
            return desk.find_customer(code)
        case AskIfOpen():
            return desk.is_open()
        case AskTime():
            return desk.local_time()
        case LookUpOrder(customer_id=customer_id, number=number):
            return desk.order(customer_id, number)
        case LookUpCase(customer_id=customer_id, number=number):
            return desk.case(customer_id, number)
        case LookUpBalance(customer_id=customer_id):
            return desk.balance(customer_id)
        case AskHttp():
            return desk.ask_http(step)
        case RunStep():
            return desk.run(step)
        case BookCallback():
            return desk.book_callback(step)
        case TakeSurvey(name=name):
            return desk.take_survey(name)
    raise TypeError(f"{type(step).__name__} is no question")
