"""The words a call flow may say.

A flow (agi/flows) is a generator: it yields one step, is sent that step's answer (answers.py says of what kind), and
returns an ending (endings.py). The player performs the steps on a phone line; `kefu ivr simulate` prints them. Pure:
nothing here or in a flow knows a socket, a clock or a database.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from .answers import Balance, CaseStatus, OrderStatus
from .endings import Ending

KEYS = "0123456789*#"
LANGUAGES = ("en", "zh")


class CallerBlocked(Exception):
    """The caller's number is on the block list; the message says why."""


class CallerHungUp(Exception):
    """The caller left. Not an error: the visit is recorded with the last prompt heard."""


# Steps that are heard -------------------------------------------------------------------------------------------


class SetLanguage(Struct, frozen=True):
    """Every later prompt is heard in this language ("en", "zh")."""

    language: str


# A key pressed during a statement stops it and is kept for the next question (key_ahead.py). Answer: that key, "" when
# it was heard to its end. `whole`: it is always heard to its end, and keys pressed meanwhile are lost.


class Play(Struct, frozen=True):
    """A statement: prompts one after another."""

    prompts: tuple[str, ...]
    whole: bool = False


class Ask(Struct, frozen=True):
    """Prompts that any key interrupts, then `timeout_s` of waiting.

    Answer: the key pressed, also one that is not among `keys` (the flow names that wrong), or "" for silence.
    No prompts: the next digit of a row. `secret`: which key it was is recorded nowhere. `ahead`: keys that count though
    they were pressed before the question was heard; any other is dropped then.
    """

    prompts: tuple[str, ...]
    keys: str
    timeout_s: float = 5.0
    secret: bool = False
    ahead: str = KEYS


class SayDigits(Struct, frozen=True):
    """Letters and digits one by one; what is neither is passed over."""

    digits: str
    whole: bool = False


class SayDate(Struct, frozen=True):
    """A calendar day: month and day, and the year."""

    on: date
    whole: bool = False


class SayNumber(Struct, frozen=True):
    """A number as people say it; `currency`: as an amount of money."""

    number: Decimal
    currency: str | None = None
    whole: bool = False


class SayOrder(Struct, frozen=True):
    """Number, state and expected day of an order. Heard to its end, the caller has been served."""

    order: OrderStatus
    whole: bool = False


class SayCase(Struct, frozen=True):
    """Number and state of a case. Heard to its end, the caller has been served."""

    case: CaseStatus
    whole: bool = False


class SayBalance(Struct, frozen=True):
    """What the caller owes. Heard to its end, the caller has been served."""

    balance: Balance
    whole: bool = False


Told = SayOrder | SayCase | SayBalance
Statement = Play | SayDigits | SayDate | SayNumber | Told


class Record(Struct, frozen=True):
    """The caller speaks after a tone; # or `most_s` ends it. Answer: "recorded", or "nothing"."""

    name: str
    most_s: int


class Spoken(Struct, frozen=True):
    """A value inside a sentence of a menu: `kind` is tell, digits, number, money or date; `name` what it is of."""

    kind: str
    name: str


# Where the flow is ------------------------------------------------------------------------------------------------


class UseMenu(Struct, frozen=True):
    """This call follows that version to its end, whatever is published meanwhile. `version` None: the shipped file."""

    menu: str
    version: int | None


class At(Struct, frozen=True):
    """The step of the menu that the caller has come to, by the name it has in drawings and reports."""

    place: str


# Questions to the CRM, each answered within a time limit ---------------------------------------------------------


class FindCaller(Struct, frozen=True):
    """Answer: `Caller`, empty when the number is withheld, unknown, shared, or the CRM is away."""


class FindCustomer(Struct, frozen=True):
    """Answer: the `Caller` with the customer of this printed number, or "not_found", or "unavailable"."""

    code: str


class AskDialled(Struct, frozen=True):
    """Answer: the number dialled, as the trunk gave it."""


class AskIfOpen(Struct, frozen=True):
    """Answer: bool, by the site's opening hours."""


class AskTime(Struct, frozen=True):
    """Answer: the local time of the site, a datetime."""


class LookUpOrder(Struct, frozen=True):
    """Answer: an `OrderStatus`, or "not_found", or "unavailable" when the CRM is away.

    Without `number` the customer's latest; with it that order: of this customer, or where `customer_id` is None of
    anyone.
    """

    customer_id: UUID | None
    number: str | None = None


class LookUpCase(Struct, frozen=True):
    """Answer: a `CaseStatus`, "not_found" or "unavailable"; as LookUpOrder."""

    customer_id: UUID | None
    number: str | None = None


class LookUpBalance(Struct, frozen=True):
    """Answer: a `Balance`, "not_found" or "unavailable"."""

    customer_id: UUID


class AskHttp(Struct, frozen=True):
    """Answer: the fields of `answer` as texts, or "not_found" (404), or "unavailable" (all else)."""

    url: str
    answer: dict[str, str | list[str]]


class RunStep(Struct, frozen=True):
    """A registered Python step, given what is known of the call. Answer: texts by name, or "unavailable"."""

    step: str
    facts: dict[str, str]
    within_ms: int


class BookCallback(Struct, frozen=True):
    """Promise to call back. Answer: "booked", "not_this_number" (another one may do) or "not_offered".

    The player adds what the line knows: `queue` where it is "", `language`, `joined_at` (epoch seconds; None: the
    caller waits in no queue yet)."""

    queue: str
    number: str | None
    language: str | None = None
    joined_at: int | None = None


class TakeSurvey(Struct, frozen=True):
    """Questions after a talk. Answer: "done" or "not_offered"."""

    name: str


class Remember(Struct, frozen=True):
    """The matter the caller chose: on the card, in the channel variable MATTER and in the visit."""

    matter: str


Step = (
    SetLanguage
    | Statement
    | Ask
    | Record
    | UseMenu
    | At
    | FindCaller
    | FindCustomer
    | AskDialled
    | AskIfOpen
    | AskTime
    | LookUpOrder
    | LookUpCase
    | LookUpBalance
    | AskHttp
    | RunStep
    | BookCallback
    | TakeSurvey
    | Remember
)
Flow = Generator[Step, Any, Ending]
