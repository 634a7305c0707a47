"""What one call knows by now, and what follows from it: values that are spoken, lookups, conditions.

Held by the walk (menu.py) for each call. Pure: what the company knows is asked by yielding steps.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from msgspec import structs

from agi import speaking
from agi.answers import Balance, Caller, CaseStatus, OrderStatus
from agi.menu import calendars
from agi.menu.tree import OTHER_LANGUAGE, LookUp, Menu, Note, Said, When
from agi.steps import (
    AskHttp,
    AskIfOpen,
    AskTime,
    FindCustomer,
    LookUpBalance,
    LookUpCase,
    LookUpOrder,
    Play,
    Remember,
    SayBalance,
    SayCase,
    SayDate,
    SayDigits,
    SayNumber,
    SayOrder,
    SetLanguage,
    Statement,
    Step,
)

Way = Generator[Step, Any, str]


class CallKnown:
    """Who calls, in which language, and every variable of the call. `told`: an answer was heard to its end."""

    def __init__(self, menu: Menu) -> None:
        self.menu = menu
        self.caller = Caller()
        self.language = menu.languages[0]
        self.language_known = False
        self.facts: dict[str, str] = {}
        self.found: dict[str, OrderStatus | CaseStatus | Balance] = {}
        self.told = False

    def begin(self, caller: Caller, dialled: str) -> str:
        """The call has come in; return the language it begins in."""
        self.facts["dialled"] = dialled
        self.facts["number"] = caller.number_e164 or ""
        self.meet(caller)
        if caller.language in self.menu.languages:
            self.language, self.language_known = caller.language, True
        return self.language

    def meet(self, caller: Caller) -> None:
        """From here on this is the customer who calls."""
        self.caller = caller
        self.facts["tier"] = caller.tier or ""
        self.facts["customer_code"] = caller.code or ""

    # What is heard ----------------------------------------------------------------------------------------------------

    def say(self, said: Said, whole: bool = False) -> Generator[Step, Any, None]:
        """Prompts in one breath, values where they stand. `whole`: no key stops them."""
        prompts: list[str] = []
        for item in said:
            if isinstance(item, str):
                prompts.append(item)
                continue
            step = self.value_of(item.kind, item.name)
            if step is None:
                continue
            if prompts:
                yield Play(tuple(prompts), whole)
                prompts = []
            stopped: str = yield structs.replace(step, whole=whole) if whole else step
            self.told = self.told or (item.kind == "tell" and not stopped)
        if prompts:
            yield Play(tuple(prompts), whole)

    def prompts(self, said: Said) -> tuple[str, ...]:
        """A question's sentence; its values become prompts, so that any key interrupts them too."""
        keys: list[str] = []
        for item in said:
            if isinstance(item, str):
                keys.append(item)
                continue
            step = self.value_of(item.kind, item.name)
            keys += speaking.spoken(step, self.language) if step else ()
        return tuple(keys)

    def value_of(self, kind: str, name: str) -> Statement | None:
        """What is spoken of a variable or a lookup; None when there is nothing to say."""
        if kind == "tell":
            match self.found.get(name):
                case OrderStatus() as order:
                    return SayOrder(order)
                case CaseStatus() as case:
                    return SayCase(case)
                case Balance() as balance:
                    return SayBalance(balance)
            return None
        text = self.facts.get(name, "")
        try:
            match kind:
                case "digits":
                    return SayDigits(text) if text else None
                case "date":
                    return SayDate(date.fromisoformat(text))
                case "number":
                    return SayNumber(_decimal(text))
                case _:
                    return SayNumber(_decimal(text), self.facts.get(f"{name}_currency") or "CNY")
        except (ValueError, InvalidOperation):
            return None

    def note(self, note: Note) -> Generator[Step, Any, None]:
        if note.matter:
            self.facts["matter"] = note.matter
            yield Remember(note.matter)
        self.facts.update(note.values)
        if note.language:
            wanted = note.language
            if wanted == OTHER_LANGUAGE:
                offered = self.menu.languages
                wanted = offered[(offered.index(self.language) + 1) % len(offered)]
            self.language, self.language_known = wanted, True
            yield SetLanguage(wanted)

    # What is asked of others ----------------------------------------------------------------------------------------

    def look_up(self, lookup: LookUp) -> Way:
        wanted = self.facts.get(lookup.by, "") if lookup.by else None
        if wanted == "":
            return "not_found"
        step = self.lookup_step(lookup, wanted)
        if step is None:
            found = lookup.what == "customer" and wanted is None and self.caller.customer_id is not None
            return "found" if found else "not_found"
        answer: Any = yield step
        match answer:
            case Caller():
                self.meet(answer)
            case OrderStatus(number=number, state=state, expected_on=on):
                self.found["order"] = answer
                self.facts.update(
                    order_number=number, order_state=state, order_expected_on=on.isoformat() if on else ""
                )
            case CaseStatus(number=number, state=state):
                self.found["case"] = answer
                self.facts.update(case_number=number, case_state=state)
            case Balance(amount=amount, currency=currency):
                self.found["balance"] = answer
                self.facts.update(balance=str(amount), balance_currency=currency)
            case dict():
                self.facts.update(answer)
            case _:
                return "not_found" if answer == "not_found" else "unavailable"
        return "found"

    def lookup_step(self, lookup: LookUp, wanted: str | None) -> Step | None:
        """The question to the desk, or None when there is nobody to ask about."""
        if lookup.what == "http":
            return AskHttp(self.filled(lookup.url), lookup.answer)
        if lookup.what == "customer":
            return FindCustomer(wanted) if wanted else None
        whose = self.caller.customer_id
        anyone = lookup.whose == "anyone" and wanted is not None
        if whose is None and not anyone:
            return None
        match lookup.what:
            case "order":
                return LookUpOrder(None if anyone else whose, wanted)
            case "case":
                return LookUpCase(None if anyone else whose, wanted)
        return LookUpBalance(whose) if whose is not None else None

    def filled(self, url: str) -> str:
        """An address with this call's variables in it, each one quoted: none can become a path or a host."""
        for name in {*self.facts, "language"}:
            value = self.language if name == "language" else self.facts[name]
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        return url

    def holds(self, when: When) -> Generator[Step, Any, bool]:
        """Whether all conditions hold now."""
        for name, words in when.conditions.items():
            if not (yield from self.one_holds(name, words)):
                return False
        return all(self.facts.get(name, "") in words for name, words in when.values.items())

    def one_holds(self, name: str, words: tuple[str, ...]) -> Generator[Step, Any, bool]:
        match name:
            case "hours":
                is_open: bool = yield AskIfOpen()
                return ("open" if is_open else "closed") in words
            case "calendar":
                now: datetime = yield AskTime()
                return any(calendars.holds(self.menu.calendars[word], now) for word in words)
            case "language":
                return (self.language if self.language_known else "unknown") in words
            case "known":
                return ("yes" if self.caller.customer_id else "no") in words
            case "dialled" | "from":
                number = self.facts["number" if name == "from" else "dialled"]
                return any(_fits(number, word) for word in words)
        return self.facts.get(name, "") in words


def _fits(number: str, pattern: str) -> bool:
    return number.startswith(pattern[:-1]) if pattern.endswith("*") else number == pattern


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value
