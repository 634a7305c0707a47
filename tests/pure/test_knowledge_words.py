"""Words that articles are found by, and the small Markdown they are written in: no text becomes a tag."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.cli import customer_value, knowledge, report_repeats
from crm.reports.customer_timeline import KINDS
from crm.rules.bigrams import bigrams, query, words
from crm.rules.plain_markdown import to_html
from crm.rules.repeats import WINDOWS
from crm.rules.value_segments import RULES
from crm.tables.customers import TIERS
from crm.tables.knowledge import ARTICLE_STATES
from crm.tables.value import STANDINGS
from crm.web.words import LABELS

TAGS = {"p", "br", "ul", "ol", "li", "h3", "h4", "h5", "strong", "em", "code", "a"}


class _Read(HTMLParser):
    """All tags and addresses of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_chinese_is_cut_into_pairs_and_the_rest_into_words() -> None:
    assert bigrams("如何退货 refund 款") == ["如何", "何退", "退货", "款"]
    assert words("ＲＥＦＵＮＤ in 7 days, 退货") == ["refund", "in", "7", "days"]
    assert query("退货 退货 Refund") == (["refund"], ["退货"])
    assert query(" '!&|:* ") == ([], [])


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_search_is_words_that_can_stand_in_a_query(text: str) -> None:
    for each in [*query(text)[0], *query(text)[1]]:
        assert re.fullmatch(r"\w+", each), each


@settings(deadline=None)
@given(st.text(alphabet="退货款 ab", max_size=30), st.data())
def test_what_stands_together_in_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    runs = re.findall("[退货款]{2,}", text)
    if runs:
        run = data.draw(st.sampled_from(runs))
        begin = data.draw(st.integers(0, len(run) - 2))
        part = run[begin : data.draw(st.integers(begin + 2, len(run)))]
        assert set(bigrams(part)) <= set(bigrams(text))


def test_the_markdown_that_there_is() -> None:
    html = to_html(
        "## Returns\n\nWithin **7 days**, *unused*:\n\n- open `Orders`\n- [ask](https://example.com/?a=1&b=2)\n"
    )
    assert html.startswith("<h4>Returns</h4>\n<p>Within <strong>7 days</strong>, <em>unused</em>:</p>")
    assert '<li><a href="https://example.com/?a=1&amp;b=2" rel="noopener noreferrer">ask</a></li>' in html
    assert to_html("1. 核实订单\n2、登记") == "<ol><li>核实订单</li><li>登记</li></ol>"
    assert to_html("1.5 kg\n2 * 3 * 4") == "<p>1.5 kg<br>2 * 3 * 4</p>"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](//evil.example)",
        "[x](/\\evil.example)",
        '[x](https://a.example/" onmouseover="alert(1))',
        "[<img src=x onerror=alert(1)>](https://a.example)",
        "`<b>`\x010\x02",
        "**<i>**",
        "![x](https://a.example/p.png)",
        "# <svg/onload=alert(1)>",
        "[a](https://a.example/`\x011\x02`)",
    ],
)
def test_no_text_becomes_a_tag_that_is_not_ours(hostile: str) -> None:
    for tag, attributes in _Read(to_html(hostile)).tags:
        assert tag in TAGS
        assert set(attributes) <= {"href", "rel"}
        assert re.match(r"https?://|/[^/\\]", attributes.get("href") or "/x")


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("<>&\"'*`[]()#-1. \n/:ahtps\\\x01\x02退"), max_size=120))
def test_whatever_is_typed_is_balanced_and_harmless(text: str) -> None:
    html = to_html(text)
    read = _Read(html)
    assert {tag for tag, _ in read.tags} <= TAGS
    assert all(set(attributes) <= {"href", "rel"} for _, attributes in read.tags)
    for tag in TAGS - {"br"}:
        assert len(re.findall(rf"<{tag}[ >]", html)) == html.count(f"</{tag}>")
    assert "\x01" not in html


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("article", ARTICLE_STATES),
        ("standing", STANDINGS),
        ("timeline", KINDS),
        ("value_rule", RULES),
    ],
)
def test_every_word_of_these_pages_has_a_label(kind: str, codes: Iterable[str]) -> None:
    assert [code for code in codes if code not in LABELS[kind]] == []


def test_the_commands_know_the_words_that_they_do_not_import() -> None:
    assert customer_value.KINDS == KINDS
    assert customer_value.TIERS == TIERS
    assert knowledge.STATES == ARTICLE_STATES
    assert tuple(WINDOWS) == report_repeats.WINDOWS
