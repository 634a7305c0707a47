"""Files of customers taken in: the dry run, the import, cut off and gone on with, and what is told of bad lines."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from click.testing import CliRunner, Result

from crm.cli import main
from crm.deeds import import_customers

HEADERS = "code,name,phone,phone 2,do_not_call,organisation,organisation kind"


def kefu(*arguments: str, url: str) -> Result:
    return CliRunner().invoke(main, ["customer", *arguments, "--database-url", url])


def rows(url: str, sql: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


def write(path: Path, *lines: str, encoding: str = "utf-8") -> str:
    path.write_bytes("\n".join(lines).encode(encoding))
    return str(path)


def counts(result: Result) -> dict[str, int]:
    told = json.loads(result.stdout)
    return {name: told[name] for name in ("valid", "invalid", "duplicate", "do_not_call", "created")}


def test_a_dry_run_counts_and_names_every_bad_line_and_writes_nobody(database_url: str, tmp_path: Path) -> None:
    assert kefu("add", "Li Wei", "--code", "C1", "--phone", "13800138000", url=database_url).exit_code == 0
    assert kefu("edit", "C1", "--do-not-call", "13800138000", url=database_url).exit_code == 0
    file = write(
        tmp_path / "people.csv",
        HEADERS,
        "C2,王小明,13900139000,010 6552 9988,,远山,公司",
        "C1,Somebody,,,,,",
        ",li wei,+86 138 0013 8000,,,,",
        "C3,Zhao,4.41E+11,,,,",
        "C4,=cmd|'/C calc'!A0,,,,,",
        "C2,Wang again,,,,,",
        "C5,Shares the number,13800138000,,,,",
        "C6,Silent,13700137000,,yes,,",
        ",No number,,,,,",
        "C7,too,few",
        encoding="gbk",
    )
    dry = kefu("import", file, "--json", url=database_url)
    assert counts(dry) == {"valid": 4, "invalid": 3, "duplicate": 3, "do_not_call": 2, "created": 0}
    told = {fault["line"]: fault["sentence"] for fault in json.loads(dry.stdout)["faults"]}
    assert told[3] == "code: C1 is Li Wei already: leave the line out, or edit that customer"
    assert told[4].startswith("phone: +86 138 0013 8000 is of Li Wei (C1) already")
    assert told[5].startswith("phone: 4.41E+11 is a number whose last digits a spreadsheet has rounded away")
    assert "is a formula" in told[6]
    assert told[7] == "code: C2 stands in line 2, too: leave one of them out"
    assert told[11].startswith("it has 3 cells, the first line has 7")
    assert sorted(told) == [3, 4, 5, 6, 7, 11]
    assert rows(database_url, "SELECT count(*) FROM customer") == [(1,)]

    spoken = kefu("import", file, "--faults", str(tmp_path / "faults.csv"), url=database_url)
    assert "line 5, phone: 4.41E+11" in spoken.stderr
    assert "nothing was written yet: --apply" in spoken.stderr
    with (tmp_path / "faults.csv").open(encoding="utf-8-sig") as faults:
        assert [line["line"] for line in csv.DictReader(faults)] == ["3", "4", "5", "6", "7", "11"]

    done = kefu("import", file, "--apply", "--json", url=database_url)
    assert counts(done)["created"] == 4, done.output
    made = "SELECT c.code, c.name, p.e164, p.kind, p.do_not_call FROM customer c LEFT JOIN customer_phone p"
    assert rows(database_url, f"{made} ON p.customer_id = c.id WHERE c.code <> 'C1' ORDER BY c.code, p.e164") == [
        ("C2", "王小明", "+861065529988", "fixed", False),
        ("C2", "王小明", "+8613900139000", "mobile", False),
        ("C5", "Shares the number", "+8613800138000", "mobile", True),
        ("C6", "Silent", "+8613700137000", "mobile", True),
        ("K000001", "No number", None, None, None),
    ]
    assert rows(database_url, "SELECT o.name, o.kind FROM organisation o JOIN organisation_member ON true") == [
        ("远山", "company")
    ]
    # Given again, all of them are there.
    again = kefu("import", file, "--apply", "--json", url=database_url)
    assert counts(again)["created"] == 1  # the one who has neither code nor number
    assert rows(database_url, "SELECT count(*) FROM customer_import_line WHERE state = 'valid'") == [(0,)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty: its first line names the columns, such as name,phone"),
        ("fone\n1", "line 1: column 'fone' is unknown: did you mean 'phone'?"),
        ("phone\n1", "line 1: no column is called name (or 姓名)"),
        ('name\n"open', "line 2: a quotation mark that begins a text here is never closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    content: str, sentence: str, database_url: str, tmp_path: Path
) -> None:
    refused = kefu("import", write(tmp_path / "a.csv", content), url=database_url)
    assert refused.exit_code == 1
    assert sentence in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert kefu("import", str(tmp_path / "none.csv"), url=database_url).stderr.endswith(
        "none.csv cannot be read: No such file or directory\n"
    )


def test_a_spreadsheet_and_an_export_come_in_as_they_were(database_url: str, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (
        ["姓名", "手机", "备注"],
        ["王小明", 8613800138000, "-5% Rabatt"],
        ["公式", "=1+1", ""],
        ["丢", 4.4e17],
    ):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    done = kefu("import", str(tmp_path / "a.xlsx"), "--apply", "--json", url=database_url)
    assert counts(done) == {"valid": 1, "invalid": 2, "duplicate": 0, "do_not_call": 0, "created": 1}, done.output
    assert kefu("add", "+1+2", "--note", "@SUM(1)", "--phone", "13900139000", url=database_url).exit_code == 0
    everybody = "SELECT c.code, c.name, c.note, p.e164 FROM customer c JOIN customer_phone p ON p.customer_id = c.id"
    before = rows(database_url, f"{everybody} ORDER BY 1")
    for name in ("out.csv", "out.xlsx"):
        out = tmp_path / name
        assert kefu("export", str(out), url=database_url).stderr == f"2 customers written to {out}\n"
        if name == "out.csv":
            cells = [cell for line in csv.reader(out.read_text("utf-8-sig").splitlines()) for cell in line]
            assert not [cell for cell in cells if cell[:1] in ("=", "@", "-") or cell.startswith("+1+")]
        with psycopg.connect(database_url) as connection:
            connection.execute("DELETE FROM customer")
        back = kefu("import", str(out), "--apply", "--json", url=database_url)
        assert counts(back)["created"] == 2, back.output
        assert rows(database_url, f"{everybody} ORDER BY 1") == before


def test_an_export_that_fails_leaves_the_old_file(database_url: str, tmp_path: Path) -> None:
    refused = kefu("export", str(tmp_path / "a.txt"), url=database_url)
    assert (refused.exit_code, refused.stderr) == (1, "Error: a.txt: name the file .csv or .xlsx\n")
    assert list(tmp_path.iterdir()) == []


def many(path: Path, lines: int) -> str:
    return write(path, "code,name,phone,phone 2", *(
        f"C{n},Name {n},138{n:08},139{n:08}" for n in range(lines)
    ))  # fmt: skip


DIE = """
import asyncio, os, signal, sys
from crm.deeds import import_customers
real, count = import_customers.{where}, 0
async def dying(*arguments):
    global count
    result = await real(*arguments)
    count += 1
    if count == {at}:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
import_customers.{where} = dying
from crm.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(("where", "at"), [("_stage", 2), ("_apply_some", 1), ("_apply_some", 2)])
def test_killed_it_goes_on_where_it_stopped(where: str, at: int, database_url: str, tmp_path: Path) -> None:
    """kill -9 in the middle of a transaction of the reading, and of the making of customers."""
    file, lines = many(tmp_path / "many.csv", 1500), 1500
    arguments = ["customer", "import", file, "--apply", "--json", "--database-url", database_url]
    script = f"from crm.deeds import import_customers, read_customer_lines\nread_customer_lines.BATCH = 500\n{DIE}"
    script = script.replace("{where}", where).replace("{at}", str(at))
    small = "import_customers.APPLIED_AT_ONCE = 700\n"
    died = subprocess.run([sys.executable, "-c", script.replace("real, count", small + "real, count"), *arguments],
                          env={**os.environ, "KEFU_CONFIG": os.devnull}, capture_output=True, text=True)  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    read, applied = rows(database_url, "SELECT lines_read, applied_to FROM customer_import")[0]
    assert (read, applied) == ((500, 0) if where == "_stage" else (lines, 700 * (at - 1)))
    done = CliRunner().invoke(main, arguments)
    assert counts(done)["created"] == lines, done.output
    assert rows(database_url, "SELECT count(*), count(DISTINCT code) FROM customer") == [(lines, lines)]
    assert rows(database_url, "SELECT count(*), count(DISTINCT e164) FROM customer_phone") == [(2 * lines, 2 * lines)]
    assert rows(database_url, "SELECT state, count(*) FROM customer_import GROUP BY 1") == [("done", 1)]


def test_a_long_file_is_read_by_processes_of_their_own(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.deeds.read_customer_lines.BATCH", 100)
    monkeypatch.setattr("crm.deeds.read_customer_lines._BESIDE_IT_PAYS", 200)
    file = many(tmp_path / "many.csv", 950)
    done = kefu("import", file, "--apply", "--json", url=database_url)
    assert counts(done)["created"] == 950, done.output
    assert rows(database_url, "SELECT max(lines_read) FROM customer_import") == [(950,)]
    assert import_customers.APPLIED_AT_ONCE >= 950


def test_somebody_who_takes_the_code_meanwhile_keeps_it(database_url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "code,name,phone", "C1,Li,13800138000", "C2,Wang,13900139000")
    assert counts(kefu("import", file, "--json", url=database_url))["valid"] == 2
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE customer_import SET state = 'applying'")  # as if cut between the two
    assert kefu("add", "Other", "--code", "C1", url=database_url).exit_code == 0
    done = kefu("import", file, "--apply", "--json", url=database_url)
    assert counts(done) == {"valid": 1, "invalid": 0, "duplicate": 1, "do_not_call": 0, "created": 1}
    sentence = "code: C1 is Other already: leave the line out, or edit that customer"
    assert json.loads(done.stdout)["faults"] == [{"line": 2, "state": "duplicate", "sentence": sentence}]
    assert rows(database_url, "SELECT name FROM customer ORDER BY code") == [("Other",), ("Wang",)]
    assert rows(database_url, "SELECT e164 FROM customer_phone") == [("+8613900139000",)]


def test_a_code_that_is_taken_is_given_to_nobody_and_costs_nobody_their_line(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_customers, "APPLIED_AT_ONCE", 3)
    with psycopg.connect(database_url) as connection:
        connection.execute("""
            INSERT INTO customer (id, code, name, tier, note)
            SELECT gen_random_uuid(), 'K' || lpad(n::text, 6, '0'), 'Old ' || n, 'ordinary', ''
              FROM generate_series(1, 40) AS n""")
        connection.execute("""
            INSERT INTO organisation (id, code, name, kind, note)
            VALUES (gen_random_uuid(), 'G00001', 'Far Hill', 'company', '')""")
    lines = [*(f",New {n},,House {n}" for n in range(4)), "K000041,Has a code,,", "K000044,Has one too,,", ",Last,,"]
    file = write(tmp_path / "a.csv", "code,name,phone,organisation", *lines)
    done = kefu("import", file, "--apply", "--json", url=database_url)
    assert counts(done) == {"valid": 7, "invalid": 0, "duplicate": 0, "do_not_call": 0, "created": 7}, done.output
    made = dict(rows(database_url, "SELECT name, code FROM customer WHERE name NOT LIKE 'Old%'"))
    assert (made.pop("Has a code"), made.pop("Has one too")) == ("K000041", "K000044")
    assert sorted(made) == ["Last", "New 0", "New 1", "New 2", "New 3"]
    assert min(made.values()) > "K000041"
    assert "K000044" not in made.values()
    houses = "SELECT o.name FROM organisation o JOIN organisation_member m ON m.organisation_id = o.id ORDER BY 1"
    assert [name for (name,) in rows(database_url, houses)] == [f"House {n}" for n in range(4)]


def test_one_customer_is_given_a_free_code_where_many_are_taken(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("""
            INSERT INTO customer (id, code, name, tier, note)
            SELECT gen_random_uuid(), 'K' || lpad(n::text, 6, '0'), 'Old ' || n, 'ordinary', ''
              FROM generate_series(1, 3000) AS n""")
    assert kefu("add", "One more", url=database_url).exit_code == 0
    assert rows(database_url, "SELECT code FROM customer WHERE name = 'One more'") == [("K003001",)]


def test_the_millionth_code_is_a_figure_longer(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT setval('customer_code', 999999), setval('organisation_code', 99999)")
    file = write(tmp_path / "a.csv", "name,organisation", *(f"New {n},House {n}" for n in range(2)))
    assert counts(kefu("import", file, "--apply", "--json", url=database_url))["created"] == 2
    assert rows(database_url, "SELECT code FROM customer ORDER BY 1") == [("K1000000",), ("K1000001",)]
    assert rows(database_url, "SELECT code FROM organisation ORDER BY 1") == [("G100000",), ("G100001",)]
