"""The demo's callers: never a second call of a customer before all have called, keys that reach every menu."""

from __future__ import annotations

from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from crm.demo.callers import ERRANDS, STRANGERS, Person, caller, callers
from crm.demo.people import CUSTOMERS, NEWCOMER, NEWCOMER_SEAT, STAFF, STAFF_SEATS
from crm.rules.phone_numbers import to_e164

PEOPLE = [Person(f"+8613800138{number:03}", f"Customer {number}") for number in range(7)]


@given(st.integers())
def test_everybody_calls_before_anybody_calls_again(seed: int) -> None:
    rung = [call.number for call in islice(callers(PEOPLE, Random(seed)), 60)]
    strangers = {person.number for person in STRANGERS}
    known = [number for number in rung if number not in strangers]
    for first in range(0, len(known) - len(PEOPLE), len(PEOPLE)):
        assert len(set(known[first : first + len(PEOPLE)])) == len(PEOPLE)


@given(st.integers(), st.sampled_from(ERRANDS))
def test_a_call_is_one_that_asterisk_takes(seed: int, errand: object) -> None:
    call = caller(PEOPLE[0], Random(seed), errand)  # type: ignore[arg-type]
    assert set(call.keys) <= set("0123456789w")
    assert "Channel: Local/95000@from-trunk/n" in call.text()
    assert 0 < float(call.variables["__SANDBOX_RING_S"]) < 10


def test_a_center_without_customers_is_called_by_strangers() -> None:
    assert next(callers([], Random(1))).number in {person.number for person in STRANGERS}


def test_every_demo_customer_can_be_called_back() -> None:
    assert all(to_e164(phone, "CN") for customer in CUSTOMERS for phone in customer.phones)


def test_the_newcomer_has_a_seat_of_their_own_and_is_asked_first() -> None:
    assert NEWCOMER not in STAFF_SEATS
    assert NEWCOMER_SEAT not in STAFF_SEATS.values()
    assert min(min(agent.queues.values()) for agent in STAFF) > 1
