"""One line of another system's file, or one object of its request, made into an order or a fact; else the fault in it.

Column names and states may be English or Chinese, times may leave out what a calendar leaves out, amounts may carry
thousands' commas. What cannot be read is refused with a sentence that names the column, never guessed. Pure: the zone
for times without one is an argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation

from msgspec import Struct

ORDER_STATES = {
    "received": ("received", "new", "open", "已接收", "待付款", "未付款"),
    "paid": ("paid", "已付款", "已支付", "待发货"),
    "packed": ("packed", "已打包", "已备货"),
    "shipped": ("shipped", "sent", "已发货", "运输中"),
    "delivered": ("delivered", "已签收", "已送达", "已完成"),
    "cancelled": ("cancelled", "canceled", "已取消", "已关闭"),
}
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "number": ("number", "order", "order_number", "订单号", "订单编号"),
    "customer": ("customer", "customer_code", "code", "客户编号", "客户号"),
    "phone": ("phone", "mobile", "电话", "手机", "手机号"),
    "state": ("state", "status", "状态", "订单状态"),
    "item": ("item", "product", "商品", "商品名称"),
    "amount": ("amount", "total", "金额", "订单金额"),
    "currency": ("currency", "币种"),
    "placed_at": ("placed_at", "ordered_at", "date", "下单时间", "下单日期"),
    "expected_on": ("expected_on", "expected", "预计送达", "预计到货"),
    "changed_at": ("changed_at", "updated_at", "更新时间"),
    "name": ("name", "fact", "名称", "项目"),
    "value": ("value", "值", "数值"),
    "unit": ("unit", "单位"),
    "as_of": ("as_of", "at", "截至", "时间"),
}
ORDER_NEEDS = ("number", "state", "item", "amount", "placed_at")
FACT_NEEDS = ("name", "value", "as_of")
_STATE_OF = {word: state for state, words in ORDER_STATES.items() for word in words}
_MOST = {"number": 64, "customer": 64, "phone": 64, "item": 300, "name": 40, "value": 300, "unit": 20}
_ROUNDED = re.compile(r"\d(?:\.\d+)?[eE]\+\d+")
_FACT_NAME = re.compile(r"\w[\w .-]*")


class Fault(ValueError):
    """What is wrong with a line, naming the column."""


class OrderLine(Struct, frozen=True):
    """An order as its own system tells it; the customer by printed number, else by phone. `changed_at`: when it became
    so, None: nobody says, the later telling counts."""

    number: str
    customer: str
    phone: str
    state: str
    item: str
    amount: Decimal
    currency: str
    placed_at: datetime
    expected_on: datetime | None = None
    changed_at: datetime | None = None


class FactLine(Struct, frozen=True):
    """One fact of one customer, as of a time."""

    customer: str
    phone: str
    name: str
    value: str
    unit: str
    as_of: datetime


def columns_of(header: Iterable[str], needs: Iterable[str]) -> dict[str, str]:
    """Which of our columns each of the file's is. Fault naming what is missing, and what was found instead."""
    known = {word: name for name, words in COLUMNS.items() for word in words}
    given = [_key(each) for each in header]
    found = {each: known[each] for each in given if each in known}
    twice = sorted({name for name in found.values() if list(found.values()).count(name) > 1})
    if twice:
        raise Fault(f"two columns are both {twice[0]!r}: leave one out")
    missing = [name for name in needs if name not in found.values()]
    if not {"customer", "phone"} & set(found.values()):
        missing.append("customer (or phone)")
    if missing:
        there = ", ".join(each for each in given if each)[:200] or "none"
        raise Fault(
            f"the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} cannot be found; there are: {there}"
        )
    return found


def order_line(given: Mapping[str, object], zone: tzinfo) -> OrderLine:
    """An order out of named values. Fault with a sentence for the first that cannot be used."""
    row = _row(given)
    state = _STATE_OF.get(_text(row, "state").lower())
    if state is None:
        raise Fault(f"state {_text(row, 'state')!r} is unknown: it is one of {', '.join(ORDER_STATES)}")
    currency = (_text(row, "currency", needed=False) or "CNY").upper()
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise Fault(f"currency {currency!r} is none: write three letters, such as CNY")
    return OrderLine(
        number=_text(row, "number"),
        **_whose(row),
        state=state,
        item=_text(row, "item"),
        amount=_amount(row),
        currency=currency,
        placed_at=_needed_time(row, "placed_at", zone),
        expected_on=_time(row, "expected_on", zone),
        changed_at=_time(row, "changed_at", zone),
    )


def fact_line(given: Mapping[str, object], zone: tzinfo) -> FactLine:
    """A fact out of named values. Fault with a sentence for the first that cannot be used."""
    row = _row(given)
    name = _text(row, "name").lower()
    if not _FACT_NAME.fullmatch(name):
        raise Fault(f"name {name!r} cannot be used: letters, digits, blanks and dashes")
    return FactLine(
        **_whose(row),
        name=name,
        value=_text(row, "value"),
        unit=_text(row, "unit", needed=False),
        as_of=_needed_time(row, "as_of", zone),
    )


def _key(name: object) -> str:
    return str(name).strip().lower().replace(" ", "_").replace("\ufeff", "")


def _row(given: Mapping[str, object]) -> dict[str, str]:
    known = {word: name for name, words in COLUMNS.items() for word in words}
    return {known[key]: _plain(value) for name, value in given.items() if (key := _key(name)) in known}


def _plain(value: object) -> str:
    return "" if value is None else str(value).strip()


def _text(row: Mapping[str, str], name: str, *, needed: bool = True) -> str:
    text = row.get(name, "")
    if needed and not text:
        raise Fault(f"{name} is empty")
    if not text.isprintable():
        raise Fault(f"{name} holds characters that cannot be printed")
    if len(text) > _MOST.get(name, 40):
        raise Fault(f"{name} has {len(text)} characters: {_MOST.get(name, 40)} fit")
    if name in ("number", "customer", "phone") and _ROUNDED.fullmatch(text):
        raise Fault(f"{name} {text} was rounded by a spreadsheet: format its column as text, and save again")
    return text


def _whose(row: Mapping[str, str]) -> dict[str, str]:
    whose = {name: _text(row, name, needed=False) for name in ("customer", "phone")}
    if not any(whose.values()):
        raise Fault("customer and phone are both empty: whose is it?")
    return whose


def _amount(row: Mapping[str, str]) -> Decimal:
    text = _text(row, "amount")
    plain = re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", text.removeprefix("¥").removeprefix("￥").strip())
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        raise Fault(f"amount {text!r} is no number: write it as 1234.50") from None
    if not amount.is_finite() or abs(amount) >= 10**10:
        raise Fault(f"amount {text!r} is no amount that fits")
    return amount.quantize(Decimal("0.01"))


def _needed_time(row: Mapping[str, str], name: str, zone: tzinfo) -> datetime:
    at = _time(row, name, zone)
    if at is None:
        raise Fault(f"{name} is empty")
    return at


def _time(row: Mapping[str, str], name: str, zone: tzinfo) -> datetime | None:
    text = _text(row, name, needed=False)
    if not text:
        return None
    dashed = re.sub(r"^(\d{4})[/.年](\d{1,2})[/.月](\d{1,2})日?", _dashed, text)
    try:
        at = datetime.fromisoformat(dashed)
        at = at if at.tzinfo else at.replace(tzinfo=zone)
    except ValueError:
        raise Fault(f"{name} {text!r} is no time: write it as 2026-10-01 or 2026-10-01 14:30") from None
    if not 1970 <= at.year <= 2200:
        raise Fault(f"{name} {text!r} lies outside of the years 1970 to 2200")
    return at


def _dashed(found: re.Match[str]) -> str:
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"
