"""Lines of files of customers: what they say, and one clear sentence for each way to be wrong."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import openpyxl
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.deeds.export_customers import safe
from crm.rules.customer_fields import FieldFault
from crm.rules.customer_lines import Columns, Fault, Line, read_columns, read_line
from crm.rules.phone_numbers import read_number, to_e164
from crm.spreadsheets import Unreadable, look_at, rows

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
TYPES = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
FORMATS = (
    phonenumbers.PhoneNumberFormat.NATIONAL,
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.RFC3966,
)


@pytest.mark.parametrize("region", REGIONS)
def test_numbers_of_every_region_are_read_as_the_library_reads_them(region: str) -> None:
    columns = read_columns(["name", "phone", "country"])
    for kind in TYPES:
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        meant = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        for form in FORMATS:
            typed = phonenumbers.format_number(example, form)
            number = read_number(typed, region)
            assert (number.e164, number.validity, number.country) == (meant, "valid", region), typed
            line = read_line(columns, ["x", typed, region], "CN")
            assert isinstance(line, Line)
            assert [each.e164 for each in line.numbers] == [meant]


@given(st.text(max_size=70), st.sampled_from(REGIONS))
def test_what_is_kept_of_any_text_is_what_the_library_says(raw: str, region: str) -> None:
    number = read_number(raw, region)
    assert number.e164 == to_e164(number.raw, region)
    assert (number.validity == "unreadable") == (number.e164 is None)
    if number.e164:
        parsed = phonenumbers.parse(number.e164)
        assert (number.validity == "valid") == phonenumbers.is_valid_number(parsed)


HEADERS = ["code", "name", "phone", "phone 2", "tier", "language", "do_not_call", "note"]


def read(*cells: str) -> Line | Fault:
    return read_line(read_columns(HEADERS), [*cells, *[""] * (len(HEADERS) - len(cells))], "CN")


def test_a_good_line_in_both_languages() -> None:
    line = read("C1", "王小明", "138 0013 8000; 13900139000", "010 6552 9988", "key", "中文", "是", "两行\n备注")
    assert isinstance(line, Line)
    assert [number.e164 for number in line.numbers] == ["+8613800138000", "+8613900139000", "+861065529988"]
    assert [number.kind for number in line.numbers] == ["mobile", "mobile", "fixed"]
    assert (line.tier, line.language, line.do_not_call, line.note) == ("key", "zh", True, "两行\n备注")
    chinese = read_columns(["客户编号", "姓名", "手机", "电话1", "等级", "语言", "免打扰", "备注"])
    assert chinese.fields == ["code", "name", "phone", "phone", "tier", "language", "do_not_call", "note"]


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (["", "Li", "4.41E+11"], "phone: 4.41E+11 is a number whose last digits a spreadsheet has rounded away"),
        (["", "Li", "8,6138e12"], "has rounded away: make the column text there"),
        (["", "Li", "1001"], "phone: '1001' cannot be dialled from CN: write it with its area or country"),
        (["", "Li", "", "abc"], "phone 2: 'abc' cannot be dialled"),
        (["", ""], "name: it is empty"),
        (["", "=cmd|' /C calc'!A0"], "name: \"=cmd|' /C calc'!A0\" is a formula: put its value there as a text"),
        (["", "@SUM(A1)"], "name: '@SUM(A1)' is a formula"),
        (["", "Li\x07"], "name: it holds a control character"),
        (["", "x" * 201], "name: it has 201 characters, and 200 fit"),
        (["", "Li", "", "", "gold"], "tier: 'gold' is unknown: it is one of key, main, ordinary, small"),
        (["", "Li", "", "", "", "fr"], "language: 'fr' is unknown"),
        (["", "Li", "", "", "", "", "maybe"], "do_not_call: 'maybe' is neither yes nor no"),
    ],
)
def test_each_fault_is_one_sentence_with_its_remedy(cells: list[str], sentence: str) -> None:
    fault = read(*cells)
    assert isinstance(fault, Fault)
    assert sentence in fault.sentence
    assert ": " in fault.sentence


def test_a_line_of_another_length_is_told() -> None:
    fault = read_line(read_columns(["name", "phone"]), ["Li", "13800138000", "more"], "CN")
    assert isinstance(fault, Fault)
    assert fault.sentence.startswith("it has 3 cells, the first line has 2: look for a separator too many")


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        (["phone"], "line 1: no column is called name (or 姓名)"),
        (["name", "fone"], "line 1: column 'fone' is unknown: did you mean 'phone'?"),
        (["name", "zzz"], "Or leave it out with --leave-out 'zzz'"),
        (["name", "姓名"], "line 1: two columns mean name"),
        (["=name"], "column '=name' is unknown"),
    ],
)
def test_wrong_columns_are_told_with_what_is_meant(headers: list[str], sentence: str) -> None:
    with pytest.raises(FieldFault) as refused:
        read_columns(headers)
    assert sentence in str(refused.value)


@given(st.lists(st.text(max_size=40), min_size=8, max_size=8))
def test_no_line_breaks_the_reading(cells: list[str]) -> None:
    assert isinstance(read_line(Columns([*read_columns(HEADERS).fields], HEADERS), cells, "CN"), Line | Fault)


@given(st.text(max_size=40))
def test_an_export_runs_nowhere_and_comes_back_as_it_was(text: str) -> None:
    out = safe(text)
    assert out[:1] not in ("=", "@", "\t", "\r")
    assert out[:1] not in ("+", "-") or out.strip("+-0123456789 ") == ""
    if text.strip() == text and text and not text.startswith("'"):
        line = read("", text)
        assert isinstance(line, Fault) or line.name == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_encoding_that_is_met_is_read(encoding: str, separator: str, tmp_path: Path) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=separator).writerows([["姓名", "电话"], ["王小明", "138,001;38000"], ["a\nb", "1"]])
    path = tmp_path / "a.csv"
    path.write_bytes(file.getvalue().encode(encoding))
    found = [(row.line, row.cells) for row in rows(look_at(path))]
    assert found == [(1, ["姓名", "电话"]), (2, ["王小明", "138,001;38000"]), (3, ["a\nb", "1"])]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"name\nok\n\xff\xff\n", "is neither UTF-8 nor GBK (line 3 holds the byte 0xff): save it as CSV UTF-8"),
        (b"name\n\x00\n", "line 2 holds a zero byte"),
        (b'name,phone\nLi,"138\nWang,139\n', "line 2: a quotation mark that begins a text here is never closed"),
        (b'name\n"a"b\n', "line 2: something stands between a closing quotation mark and the next separator"),
        (b"name\n" + b"x" * 1_100_000, "line 2 has more than 1000000 characters"),
        (b"\xd0\xcf\x11\xe0 old", "is an old Excel file (.xls): save it as .xlsx"),
        (b"PK\x03\x04 broken", "is a broken spreadsheet"),
    ],
)
def test_what_is_no_table_is_told_with_its_line(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(Unreadable) as refused:
        list(rows(look_at(path)))
    assert sentence in str(refused.value)


def test_a_spreadsheet_keeps_its_digits_and_shows_its_formulas(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["name", "phone", "note"], ["王", 8613800138000, "=1+1"], ["Li", 4.41e17], [], [None, 13800138000.0]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    found = [row.cells for row in rows(look_at(tmp_path / "a.xlsx"))]
    assert found == [["name", "phone", "note"], ["王", "8613800138000", "=1+1"], ["Li", "4.41E+17", ""],
                     ["", "13800138000", ""]]  # fmt: skip


def test_a_spreadsheet_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("xl/sharedStrings.xml", "w") as part:
        for _ in range(401):
            part.write(b"0" * 1_000_000)
    with pytest.raises(Unreadable, match="too large for a spreadsheet"):
        list(rows(look_at(path)))
