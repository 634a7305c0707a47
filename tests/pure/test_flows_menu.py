"""Any menu, as callers meet it: questions, digits, lookups and ways back, walked on paper and for any keys."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.answers import Balance, Caller, CaseStatus, OrderStatus
from agi.flows.menu import MOST_ROUNDS, walk
from agi.menu.checking import check_menu
from agi.menu.known import Known
from agi.menu.tree import Menu
from agi.paper_desk import Paper, PaperDesk
from agi.rehearsal import Line, Rehearsal, describe
from agi.rehearsal import given as keys_given
from agi.steps import KEYS, Ask, AskHttp, BookCallback, LookUpOrder, RunStep, SayDate, SayDigits, SayNumber, SayOrder

GOOD = sorted((Path(__file__).parent / "menus" / "good").glob("*.yaml"))
BOTH = ("en", "zh")
PROMPTS = ("hello", "choose", "wrong", "nothing", "to-person", "bye", "enter", "right", "sorry", "only-english")
KNOWN = Known(dict.fromkeys(PROMPTS, BOTH), ("reception", "support", "sales"), ("points",))
NOON = datetime.fromisoformat("2026-03-04T12:00")
LI = Caller("+8613800138000", UUID(int=1), "zh", tier="key", code="K-1")
ORDER = OrderStatus("1024", "shipped", date(2026, 3, 5))
DEFAULTS = """\
defaults:
  wrong_key: {say: wrong}
  silence: {say: nothing}
  out_of_tries: {queue: reception}
  human: {queue: reception}
  not_found: {say: sorry, queue: support}
  unavailable: {queue: support}
  not_offered: {say: sorry, queue: support}
start: main
parts:
"""


def menu_of(parts: str) -> Menu:
    menu, faults = check_menu(DEFAULTS + parts, "m.yaml", KNOWN)
    assert menu is not None, [str(fault) for fault in faults]
    return menu


def call(menu: Menu, keys: str = "", **paper: object) -> tuple[Rehearsal, list[Line]]:
    told = Paper(**{"caller": LI, "at": NOON, **paper})  # type: ignore[arg-type]
    rehearsal = Rehearsal(walk(menu), {}, keys_given(keys), PaperDesk(told), dialled="95000")
    return rehearsal, list(rehearsal)


def heard(lines: list[Line]) -> list[str]:
    return [prompt for line in lines if line.what == "hears" for prompt in line.prompts]


COLLECT = menu_of("""\
  main:
    - menu: [choose]
      keys: {"1": number}
  number:
    - collect: [enter]
      into: order
      digits: 3-5
      read_back: [hello]
      confirm: [right]
    - lookup: order
      by: order
      whose: anyone
    - say: [{tell: order}, {date: order_expected_on}, {digits: order_number}]
    - end
""")


@pytest.mark.parametrize(
    ("keys", "wanted"), [("11024#1", ORDER), ("1102411", OrderStatus("10241", "paid"))], ids=["ended by #", "the last"]
)
def test_digits_are_collected_read_back_and_confirmed(keys: str, wanted: OrderStatus) -> None:
    rehearsal, _lines = call(COLLECT, keys, order=wanted)
    assert SayDigits(wanted.number) in rehearsal.steps
    assert LookUpOrder(None, wanted.number) in rehearsal.steps
    assert SayOrder(wanted) in rehearsal.steps


def test_the_looked_up_values_are_spoken_each_in_its_way() -> None:
    rehearsal, _lines = call(COLLECT, "11024#1", order=ORDER)
    assert [step for step in rehearsal.steps if isinstance(step, SayOrder | SayDate)] == [
        SayOrder(ORDER),
        SayDate(date(2026, 3, 5)),
    ]
    assert describe(rehearsal.ending) == "goodbye, served"  # type: ignore[arg-type]


def test_digits_denied_are_asked_anew() -> None:
    rehearsal, lines = call(COLLECT, "1999#21024#1", order=ORDER)
    assert [line.text for line in lines if line.what == "asks"] == ["LookUpOrder: answered"]
    assert heard(lines).count("enter") == 2
    assert SayOrder(ORDER) in rehearsal.steps


def test_too_few_digits_and_silence_are_told_and_bounded() -> None:
    rehearsal, lines = call(COLLECT, "112#12#12#")
    assert heard(lines).count("wrong") == 3
    assert describe(rehearsal.ending) == "queue reception"  # type: ignore[arg-type]


def test_a_star_leads_back_from_the_digits_to_the_menu_before() -> None:
    _rehearsal, lines = call(COLLECT, "112*")
    assert heard(lines)[:3] == ["choose", "enter", "choose"]


def test_silence_after_digits_ends_them() -> None:
    rehearsal, _lines = call(COLLECT, "11024-1", order=ORDER)
    assert SayOrder(ORDER) in rehearsal.steps


def test_a_zero_is_a_digit_where_digits_are_asked() -> None:
    rehearsal, _lines = call(COLLECT, "1000#1", order=OrderStatus("000", "paid"))
    assert LookUpOrder(None, "000") in rehearsal.steps


def test_back_leads_one_question_back_each_time() -> None:
    menu = menu_of("""\
  main:
    - menu: [hello]
      keys: {"1": second}
  second:
    - menu: [choose]
      keys: {"1": third}
  third:
    - menu: [right]
      keys: {"1": {say: sorry, back: yes}}
""")
    assert heard(call(menu, "11***")[1])[:6] == ["hello", "choose", "right", "choose", "hello", "hello"]
    assert heard(call(menu, "111")[1])[:5] == ["hello", "choose", "right", "sorry", "choose"]


def test_what_was_heard_before_the_question_is_not_heard_again() -> None:
    menu = menu_of("""\
  main:
    - say: hello
      menu: [choose]
      keys: {"1": again, "2": {say: sorry, back: yes}}
""")
    assert heard(call(menu, "1725")[1])[:7] == ["hello", "choose", "choose", "wrong", "choose", "sorry", "choose"]


def test_tries_begin_anew_when_the_caller_comes_again() -> None:
    menu = menu_of("""\
  main:
    - menu: [choose]
      tries: 2
      keys: {"1": again}
""")
    assert heard(call(menu, "71717-")[1]).count("wrong") == 3


def test_a_caller_who_never_stops_pressing_reaches_a_person() -> None:
    menu = menu_of("""\
  main:
    - menu: [choose]
      keys: {"1": again}
""")
    rehearsal, _lines = call(menu, "1" * 1000)
    assert sum(isinstance(step, Ask) for step in rehearsal.steps) == MOST_ROUNDS
    assert describe(rehearsal.ending) == "queue reception"  # type: ignore[arg-type]


def test_money_and_numbers_are_spoken_from_variables() -> None:
    menu = menu_of("""\
  main:
    - lookup: balance
    - say: [{money: balance}, {number: balance}, {date: balance}]
    - menu: [choose, {money: balance}]
      keys: {"1": end}
""")
    rehearsal, lines = call(menu, "1", balance=Balance(Decimal("12.50"), "CNY"))
    assert [step for step in rehearsal.steps if isinstance(step, SayNumber)] == [
        SayNumber(Decimal("12.50"), "CNY"),
        SayNumber(Decimal("12.50")),
    ]
    assert heard(lines)[-5:] == ["choose", "number-12", "currency-cny", "digit-5", "jiao"]


def test_an_address_takes_variables_as_text_and_nothing_else() -> None:
    menu = menu_of("""\
  main:
    - set: {shop: "../x?y=z#{number}"}
    - lookup: http
      url: https://points.example/{shop}/of/{number}?lang={language}
      answer: {points: number, level: [gold, silver]}
    - when: {is: {level: gold}}
      then: {queue: sales}
    - end
""")
    rehearsal, _lines = call(menu, http={"points": "12", "level": "gold"})
    asked = next(step for step in rehearsal.steps if isinstance(step, AskHttp))
    assert asked.url == "https://points.example/..%2Fx%3Fy%3Dz%23%7Bnumber%7D/of/%2B8613800138000?lang=zh"
    assert describe(rehearsal.ending) == "queue sales"  # type: ignore[arg-type]
    assert describe(call(menu)[0].ending) == "queue support"  # type: ignore[arg-type]


def test_a_python_step_gets_the_facts_and_sets_only_what_it_may() -> None:
    menu = menu_of("""\
  main:
    - run: points
      sets: [level]
    - when: {is: {level: gold}, tier: key, known: yes}
      then: {queue: sales}
    - end
""")
    rehearsal, _lines = call(menu, runs={"points": {"level": "gold", "tier": "small"}})
    run = next(step for step in rehearsal.steps if isinstance(step, RunStep))
    assert {
        "number": "+8613800138000",
        "dialled": "95000",
        "tier": "key",
        "language": "zh",
    }.items() <= run.facts.items()
    assert describe(rehearsal.ending) == "queue sales"  # type: ignore[arg-type]
    assert describe(call(menu)[0].ending) == "queue support"  # type: ignore[arg-type]


def test_a_callback_that_is_not_offered_takes_the_safe_way() -> None:
    menu = menu_of("""\
  main:
    - collect: [enter]
      into: call_me
      digits: 7-15
    - callback: support
      number: call_me
    - end
""")
    rehearsal, _lines = call(menu, "02112345678#")
    assert BookCallback("support", "02112345678") in rehearsal.steps
    assert describe(rehearsal.ending) == "queue support"  # type: ignore[arg-type]
    booked, _lines = call(menu, "02112345678#", callback="booked")
    assert describe(booked.ending) == "goodbye, a callback is promised"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "dialled_to"),
    [("2026-02-18T10:00", "voicemail reception"), ("2026-03-04T12:30", "voicemail reception"),
     ("2026-03-07T12:30", "queue support"), ("2026-03-04T13:00", "queue support")],
)  # fmt: skip
def test_calendars_hold_by_the_sites_clock(at: str, dialled_to: str) -> None:
    text = DEFAULTS.replace("start:", 'calendars: {away: [2026-02-16..2026-02-22, "mon-fri 12:00-13:00"]}\nstart:')
    menu, _faults = check_menu(
        text + "  main:\n    - when: {calendar: away}\n      then: {voicemail: reception}\n    - queue: support\n",
        "m.yaml", KNOWN,
    )  # fmt: skip
    assert menu is not None
    assert describe(call(menu, at=datetime.fromisoformat(at))[0].ending) == dialled_to  # type: ignore[arg-type]


def test_secret_digits_are_not_shown() -> None:
    menu = menu_of("""\
  main:
    - collect: [enter]
      into: pin
      digits: 4
      secret: yes
    - end
""")
    _rehearsal, lines = call(menu, "4711")
    assert [line.text for line in lines if line.what == "presses"] == ["x"] * 4


MENUS = {path.stem: check_menu(path.read_text("utf-8"), path.name, KNOWN)[0] for path in GOOD}
ANSWERS = st.fixed_dictionaries({
    "caller": st.sampled_from([LI, Caller(), Caller("+441632960961", UUID(int=2), "en")]),
    "is_open": st.booleans(),
    "order": st.sampled_from([ORDER, OrderStatus("", "lost"), "not_found", "unavailable"]),
    "case": st.sampled_from([CaseStatus("7", "open"), "not_found", "unavailable"]),
    "balance": st.sampled_from([Balance(Decimal("-1"), "XYZ"), "not_found", "unavailable"]),
    "http": st.sampled_from([{"points": "nan", "level": "gold"}, "not_found", "unavailable"]),
    "callback": st.sampled_from(["booked", "not_offered"]),
    "survey": st.sampled_from(["done", "not_offered"]),
    "runs": st.sampled_from([{}, {"points": {"points": "1e9", "level": "x"}}]),
})  # fmt: skip


@given(st.sampled_from(sorted(MENUS)), st.text(alphabet=KEYS + "-", max_size=80), ANSWERS)
def test_every_menu_ends_for_any_keys_and_answers(name: str, keys: str, answers: dict[str, object]) -> None:
    menu = MENUS[name]
    assert menu is not None
    rehearsal, lines = call(menu, keys, **answers)
    assert rehearsal.ending is not None
    assert sum(isinstance(step, Ask) for step in rehearsal.steps) <= MOST_ROUNDS * 33
    assert len(lines) < 2000
