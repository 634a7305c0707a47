"""One line of a file of customers, read: which column means what, what a line says, or what is wrong with it.

Headers are known in English and Chinese. A faulty line is one sentence that names the column and says how to mend it;
nothing of such a line is taken. Called by the import, in processes of its own; pure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from .customer_fields import FieldFault, clean, one_of
from .phone_numbers import LONGEST_RAW, NumberRead, is_country, read_number

NUMBERS_A_LINE = 20
TIERS = ("key", "main", "ordinary", "small")
LANGUAGES = ("en", "zh")
KINDS = ("household", "company", "dealer", "distributor", "service_partner", "office")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "customer code", "customer number", "客户编号", "客户编码", "编号"),
    "name": ("name", "customer", "customer name", "full name", "姓名", "名称", "客户", "客户名称", "客户姓名"),
    "phone": (
        *("phone", "phones", "phone number", "mobile", "telephone", "tel", "cell", "landline"),
        *("电话", "手机", "手机号", "手机号码", "电话号码", "联系电话", "座机", "固定电话"),
    ),
    "country": ("country", "国家"),
    "company": ("company", "公司", "公司名称", "单位"),
    "tier": ("tier", "等级", "客户等级"),
    "language": ("language", "语言"),
    "note": ("note", "notes", "remark", "备注", "说明"),
    "do_not_call": ("do not call", "dnc", "免打扰", "勿扰", "谢绝来电"),
    "organisation": ("organisation", "organization", "household", "机构", "家庭", "组织"),
    "organisation_kind": ("organisation kind", "organization kind", "机构类型", "组织类型"),
}
_KNOWN = {spelling: field for field, spellings in COLUMNS.items() for spelling in spellings}
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d+")
_BETWEEN = re.compile(r"[;；、|\n]")
_QUOTED = re.compile(r"'[=+\-@\t\r]")
_WORDS: Mapping[str, Mapping[str, str]] = {
    "tier": {"重点客户": "key", "关键客户": "key", "主要客户": "main", "普通客户": "ordinary", "小客户": "small"},
    "language": {"english": "en", "英语": "en", "英文": "en", "chinese": "zh", "中文": "zh", "汉语": "zh"},
    "organisation_kind": {
        "家庭": "household",
        "公司": "company",
        "经销商": "dealer",
        "分销商": "distributor",
        "服务商": "service_partner",
        "办事处": "office",
        "service partner": "service_partner",
    },
}
_YES = frozenset({"1", "yes", "y", "true", "x", "是", "对", "√"})
_NO = frozenset({"", "0", "no", "n", "false", "否"})


class Columns(Struct, frozen=True):
    """The file's columns: the field of each, None for one that is left out, and the headers as they stand."""

    fields: list[str | None]
    headers: list[str]


class Line(Struct, frozen=True):
    """What one good line says."""

    code: str | None
    name: str
    company: str | None
    tier: str
    language: str | None
    note: str
    organisation: str | None
    organisation_kind: str | None
    do_not_call: bool
    numbers: list[NumberRead]


class Fault(Struct, frozen=True):
    """What is wrong with one line."""

    sentence: str


def read_columns(headers: Sequence[str], left_out: Sequence[str] = ()) -> Columns:
    """The columns of the first line. `left_out`: headers to pass over. Raises FieldFault with one sentence."""
    fields: list[str | None] = []
    skipped = {_plain(header) for header in left_out}
    for header in headers:
        plain = _plain(header)
        field = None if plain in skipped or not plain else _KNOWN.get(plain) or _KNOWN.get(plain.rstrip("0123456789 "))
        if field is None and plain and plain not in skipped:
            raise FieldFault(_unknown(header, plain))
        if field not in (None, "phone") and field in fields:
            raise FieldFault(f"line 1: two columns mean {field}: leave one out with --leave-out {header!r}")
        fields.append(field)
    if "name" not in fields:
        said = ", ".join(repr(header[:40]) for header in headers[:12] if header) or "nothing"
        raise FieldFault(
            f"line 1: no column is called name (or 姓名): it says {said}; the first line names the columns"
        )
    return Columns(fields, list(headers))


def read_line(columns: Columns, cells: Sequence[str], country: str) -> Line | Fault:
    """One line. `country`: how numbers without their country are read, unless the line has one of its own."""
    if len(cells) != len(columns.fields):
        return Fault(
            f"it has {len(cells)} cells, the first line has {len(columns.fields)}: look for a separator too many or "
            "too few, and put texts that hold one into quotation marks"
        )
    try:
        return _read(columns, cells, country)
    except FieldFault as fault:
        return Fault(str(fault))


def _read(columns: Columns, cells: Sequence[str], country: str) -> Line:
    said: dict[str, str] = {}
    phones: list[tuple[str, str]] = []
    for field, header, cell in zip(columns.fields, columns.headers, cells, strict=True):
        text = cell.strip()
        if field is None or not text:
            continue
        if _QUOTED.match(text):
            text = text[1:]  # as spreadsheets and our own export mark a text that is no formula
        elif text.startswith("=") or (text[0] == "@" and "(" in text):
            raise FieldFault(f"{header}: {text[:30]!r} is a formula: put its value there as a text")
        if field == "phone":
            phones += [(header, each.strip()) for each in _BETWEEN.split(text) if each.strip()]
        else:
            said[field] = text
    read_from = said.get("country", country).upper()
    if not is_country(read_from):
        raise FieldFault(f"country: {read_from[:20]!r} is none: write two letters, such as CN")
    organisation = clean("organisation", said["organisation"]) if "organisation" in said else None
    kind = _word("organisation_kind", said, KINDS)
    return Line(
        code=clean("code", said["code"]) if "code" in said else None,
        name=clean("name", said.get("name", "")),
        company=clean("company", said["company"]) if "company" in said else None,
        tier=_word("tier", said, TIERS) or "ordinary",
        language=_word("language", said, LANGUAGES),
        note=clean("note", said.get("note", "")),
        organisation=organisation,
        organisation_kind=(kind or "company") if organisation else None,
        do_not_call=_yes("do_not_call", said.get("do_not_call", "")),
        numbers=_numbers(phones, read_from),
    )


def _numbers(phones: list[tuple[str, str]], country: str) -> list[NumberRead]:
    found: dict[str, NumberRead] = {}
    if len(phones) > NUMBERS_A_LINE:
        raise FieldFault(f"phone: {len(phones)} numbers, and {NUMBERS_A_LINE} fit: leave some out")
    for header, raw in phones:
        if _SCIENTIFIC.fullmatch(raw):
            raise FieldFault(
                f"{header}: {raw} is a number whose last digits a spreadsheet has rounded away: make the column text "
                "there, fill it anew, and save the file again"
            )
        number = read_number(raw, country) if len(raw) <= LONGEST_RAW else None
        if number is None or number.e164 is None:
            raise FieldFault(
                f"{header}: {raw[:LONGEST_RAW]!r} cannot be dialled from {country}: write it with its area or country, "
                "such as +86 10 6552 9988"
            )
        found.setdefault(number.e164, number)
    return list(found.values())


def _word(field: str, said: Mapping[str, str], words: tuple[str, ...]) -> str | None:
    text = said.get(field, "").strip()
    if not text:
        return None
    folded = text.casefold()
    return one_of(field, _WORDS[field].get(folded, folded), words)


def _yes(field: str, text: str) -> bool:
    folded = text.casefold()
    if folded in _YES or folded in _NO:
        return folded in _YES
    raise FieldFault(f"{field}: {text[:20]!r} is neither yes nor no: write one of them")


def _plain(header: str) -> str:
    return " ".join(re.split(r"[\s_\-]+", header.strip().casefold())).strip()


def _unknown(header: str, plain: str) -> str:
    near = difflib.get_close_matches(plain, _KNOWN, n=1, cutoff=0.6)
    meant = f": did you mean {near[0]!r}?" if near else f": the columns are {', '.join(COLUMNS)}."
    return f"line 1: column {header[:40]!r} is unknown{meant} Or leave it out with --leave-out {header[:40]!r}"
