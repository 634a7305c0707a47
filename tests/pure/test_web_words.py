"""What pages say, without a server: catalogs whole in both languages, a label for every word of the tables, times."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from crm import figure_targets
from crm.api_tokens import SCOPES
from crm.rules.agent_state import WORDS
from crm.rules.lights import Light
from crm.rules.number_spellings import spellings
from crm.rules.pause_steps import KEPT
from crm.tables import agents, conversations, customers, orders
from crm.tables.imports import IMPORT_STATES
from crm.tables.visits import VISIT_ENDINGS
from crm.web import language, rendering
from crm.web.language import LOCALES, accepted, catalog
from crm.web.sentences import TEMPLATES, say
from crm.web.throttle import REMEMBERED, Throttle
from crm.web.words import LABELS, label_of

CRM = Path(language.__file__).parents[1]
PLACEHOLDER = re.compile(r"%\(\w+\)s")
PLACEHOLDER_NAME = re.compile(r"%\((\w+)\)s")


@pytest.fixture(scope="module")
def spoken() -> set[str]:
    """Every message that the sources say now."""
    with (CRM / "locale" / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
    found = extract_from_dir(CRM, methods, options, keywords=keywords)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def read(name: str) -> Catalog:
    """One catalog's source."""
    source = (CRM / "locale" / LOCALES[name] / "LC_MESSAGES" / "messages.po").read_bytes()
    return read_po(io.BytesIO(source), locale=LOCALES[name])


@pytest.mark.parametrize("name", list(LOCALES))
def test_catalog_translates_all_that_is_said_and_nothing_else(name: str, spoken: set[str]) -> None:
    messages = {(m.id if isinstance(m.id, str) else m.id[0]): m for m in read(name) if m.id}
    assert set(messages) == spoken
    for said, message in messages.items():
        assert not message.fuzzy, said
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(forms), said
        assert all(set(PLACEHOLDER.findall(form)) == set(PLACEHOLDER.findall(said)) for form in forms), said


def test_chinese_is_chinese(spoken: set[str]) -> None:
    words = catalog("zh")
    # Python before 3.11.4 finds a message that has a plural only as such.
    both = {said: words.gettext(said) + words.ngettext(said, said, 1) for said in spoken}
    left = [said for said, heard in both.items() if not re.search(r"[一-鿿]", heard) and said != "caller waits"]
    assert left == []


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("posture", WORDS),
        ("pause_reason", KEPT),
        ("scope", tuple(SCOPES)),
        ("import", IMPORT_STATES),
        ("tier", customers.TIERS),
        ("language", customers.LANGUAGES),
        ("order_state", orders.ORDER_STATES),
        ("direction", conversations.DIRECTIONS),
        ("figure", figure_targets.FIGURES),
        ("light", Light.__args__),  # type: ignore[attr-defined]
        ("conversation", conversations.CONVERSATION_OUTCOMES),
        ("wait", conversations.WAIT_OUTCOMES),
        ("offer", conversations.OFFER_OUTCOMES),
        ("ended_by", conversations.ENDED_BY),
        ("role", agents.ROLES),
        ("visit", VISIT_ENDINGS),
    ],
)
def test_every_word_of_the_tables_has_a_label(kind: str, codes: tuple[str, ...]) -> None:
    assert [code for code in codes if code not in LABELS[kind]] == []


def test_an_unknown_word_is_its_own_label() -> None:
    assert label_of("posture", "levitating") == "levitating"
    assert label_of("pause_reason", "Tea <b>") == "Tea <b>"
    assert label_of("posture", None) == ""


@pytest.mark.parametrize(
    ("header", "spoken_to"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en", "en"),
        ("fr,de;q=0.5", "en"),
        ("en;q=0.3, zh;q=0.7", "zh"),
        ("", "en"),
        (None, "en"),
        (";;;q=x,,,=;q=", "en"),
    ],
)
def test_a_browsers_wish_for_a_language(header: str | None, spoken_to: str) -> None:
    assert accepted(header) == spoken_to


@given(st.text(max_size=300))
def test_no_header_breaks_the_choice_of_language(header: str) -> None:
    assert accepted(header) in LOCALES


def test_spans_and_moments() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    now = datetime(2026, 1, 5, 6, 2, 30, tzinfo=UTC)
    assert [rendering.span(s) for s in (0, 9.9, 61, 3599, 3661, -5)] == [
        "0:00",
        "0:09",
        "1:01",
        "59:59",
        "1:01:01",
        "0:00",
    ]
    assert rendering.span(None) == ""
    assert rendering.moment(now, now, zone=zone, language="en") == "14:02"
    assert rendering.moment(now - timedelta(days=1), now, zone=zone, language="en") == "Jan 4, 14:02"
    assert rendering.moment(now - timedelta(days=1), now, zone=zone, language="zh") == "1月4日 14:02"
    # Yesterday in UTC is today in Shanghai.
    assert rendering.moment(datetime(2026, 1, 4, 23, 0, tzinfo=UTC), now, zone=zone, language="zh") == "07:00"
    assert rendering.clock(now - timedelta(seconds=75), now) == '<time data-since="1767592875000">1:15</time>'
    assert rendering.clock(None, now) == ""


def test_one_number_as_trunks_and_people_write_it() -> None:
    ways = spellings("+8613800138000")
    assert {"+8613800138000", "8613800138000", "008613800138000", "13800138000", "013800138000"} <= set(ways)
    assert {"2079460123", "02079460123"} <= set(spellings("+442079460123"))
    assert spellings("nonsense")[0] == "nonsense"


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_refusal_is_said_in_chinese_with_its_values(template: str) -> None:
    values = {name: f"<{name}>" for name in PLACEHOLDER_NAME.findall(template)}
    words = catalog("zh")
    said = say(template % values, words.gettext)
    assert re.search(r"[一-鿿]", said)
    assert all(value in said for value in values.values())
    assert say(template % values, catalog("en").gettext) == template % values


@given(st.text(max_size=300))
def test_a_sentence_of_nobody_is_shown_as_it_came(sentence: str) -> None:
    assert say(f"100% {sentence} %(x)s", catalog("zh").gettext) == f"100% {sentence} %(x)s"


def test_five_failures_close_the_door_for_a_while() -> None:
    throttle = Throttle(allowed=5, window_s=300)
    for second in range(5):
        assert throttle.wait_s("lily", second) == 0
        throttle.failed("lily", second)
    assert throttle.wait_s("lily", 10) == 290
    assert throttle.wait_s("marco", 10) == 0
    assert throttle.wait_s("lily", 300) == 0  # the first failure is forgotten
    throttle.failed("lily", 300)
    assert throttle.wait_s("lily", 300) == 1
    throttle.forgive("lily")
    assert throttle.wait_s("lily", 300) == 0


def test_guessing_names_does_not_fill_the_memory() -> None:
    throttle = Throttle(allowed=2, window_s=300)
    for number in range(REMEMBERED + 100):
        throttle.failed(f"name{number}", 0)
    assert len(throttle._failures) == REMEMBERED


def test_every_live_page_names_its_agent_alike() -> None:
    """What somebody typed is kept under that name: a page with another one would throw it away as somebody else's."""
    templates = (CRM / "web" / "templates").rglob("*.html")
    seats = [seat for each in templates for seat in re.findall(r'data-seat="([^"]*)"', each.read_text())]
    assert len(seats) >= 4
    assert all(seat.split("/")[0] == "{{ me.agent_id }}" for seat in seats), seats
