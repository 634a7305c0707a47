"""Lines of other systems' files: what is read of them, and the sentence about what cannot be."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.rules import feed_lines, page_cursor
from crm.rules.feed_lines import FACT_NEEDS, ORDER_NEEDS, Fault, columns_of, fact_line, order_line
from crm.tables.orders import ORDER_STATES

ZONE = ZoneInfo("Asia/Shanghai")
ORDER: dict[str, Any] = {
    "number": "SO-1",
    "customer": "C1001",
    "state": "shipped",
    "item": "Filter",
    "amount": "1,198.50",
    "placed_at": "2026-02-01 09:30",
}


def test_states_are_those_of_the_table() -> None:
    assert tuple(feed_lines.ORDER_STATES) == ORDER_STATES


def test_an_order_in_english_and_in_chinese_is_the_same_order() -> None:
    found = order_line(ORDER, ZONE)
    assert (found.amount, found.currency, found.state) == (Decimal("1198.50"), "CNY", "shipped")
    assert found.placed_at == datetime(2026, 2, 1, 1, 30, tzinfo=UTC)
    chinese = {"订单号": "SO-1", "客户编号": "C1001", "状态": "已发货", "商品": "Filter", "金额": "￥1198.5"}
    assert order_line({**chinese, "下单时间": "2026年2月1日 09:30"}, ZONE) == found
    assert set(
        columns_of(["订单号", "客户编号", "状态", "商品", "金额", "下单时间", "备注"], ORDER_NEEDS).values()
    ) == set(ORDER)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "lost"}, "state 'lost' is unknown"),
        ({"number": "4.41E+11"}, "rounded by a spreadsheet"),
        ({"number": ""}, "number is empty"),
        ({"customer": ""}, "whose is it"),
        ({"amount": "a lot"}, "amount 'a lot' is no number"),
        ({"amount": "NaN"}, "no amount that fits"),
        ({"amount": "99999999999"}, "no amount that fits"),
        ({"placed_at": "yesterday"}, "placed_at 'yesterday' is no time"),
        ({"placed_at": "2026-02-30"}, "is no time"),
        ({"placed_at": "0001-01-01"}, "outside of the years"),
        ({"item": "a\x00b"}, "cannot be printed"),
        ({"item": "x" * 301}, "301 characters"),
        ({"currency": "RMB¥"}, "three letters"),
    ],
)
def test_a_line_that_cannot_be_used_says_which_column_and_why(change: dict[str, str], said: str) -> None:
    with pytest.raises(Fault, match=None) as refused:
        order_line({**ORDER, **change}, ZONE)
    assert said in str(refused.value)


def test_missing_and_doubled_columns_are_named() -> None:
    with pytest.raises(
        Fault, match=r"the columns item, amount, customer \(or phone\) cannot be found; there are: number"
    ):
        columns_of(["number", "state", "placed_at", "colour"], ORDER_NEEDS)
    with pytest.raises(Fault, match="two columns are both 'state'"):
        columns_of(["number", "state", "status", "item", "amount", "placed_at", "phone"], ORDER_NEEDS)
    assert columns_of(["\ufeffName", "value", "as of", "phone"], FACT_NEEDS)["name"] == "name"


def test_a_fact() -> None:
    found = fact_line(
        {"customer": "C1", "name": "Balance", "value": "12.50", "unit": "CNY", "as_of": "2026-02-01"}, ZONE
    )
    assert (found.name, found.value, found.unit) == ("balance", "12.50", "CNY")
    with pytest.raises(Fault, match="name"):
        fact_line({"customer": "C1", "name": "<b>", "value": "1", "as_of": "2026-02-01"}, ZONE)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*ORDER, "currency", "changed_at", "junk"]), st.text(max_size=40) | st.none()))
def test_any_line_is_an_order_or_a_sentence(given_line: dict[str, Any]) -> None:
    with suppress(Fault):
        assert order_line({**ORDER, **given_line}, ZONE).number


@settings(deadline=None)
@given(st.timedeltas(timedelta(days=-30000), timedelta(days=70000)), st.uuids())
def test_a_cursor_comes_back_as_it_went(after: timedelta, row: UUID) -> None:
    at = datetime(1990, 1, 1, tzinfo=UTC) + after
    assert page_cursor.read(page_cursor.written(at, row)) == (at, row)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=80))
def test_no_forged_cursor_is_more_than_refused(text: str) -> None:
    with suppress(ValueError):
        assert page_cursor.read(text) is not None
