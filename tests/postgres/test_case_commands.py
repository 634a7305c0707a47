"""`kefu case`, `work-order` and `directory` as operators and other tools call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from case_people import hire
from click.testing import CliRunner, Result

from crm.cli import main
from crm.database import Database


def kefu(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--database-url", url])


def answer(url: str, *arguments: str) -> Any:
    done = kefu(url, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
async def url(database: Database, database_url: str) -> str:
    await hire(database)
    return database_url


def test_a_case_from_opening_to_closing(url: str) -> None:
    opened = answer(url, "case", "open", "--category", "order", "--subject", "Where is it?", "--customer", "C-1",
                    "--key", "mail 7", "--agent", "lily")  # fmt: skip
    number = opened["number"]
    again = answer(url, "case", "open", "--subject", "twice", "--key", "mail 7", "--agent", "lily")
    assert again["number"] == number
    assert (opened["customer"], opened["owner"], opened["tier"]) == ("王美玲", "lily", "first_line")
    lifted = answer(url, "case", "escalate", number, "--why", "lost", "--to", "marco", "--agent", "lily")
    assert (lifted["tier"], lifted["handler"], lifted["owner"]) == ("second_line", "marco", "lily")
    moved = kefu(url, "case", "assign", number, "--agent", "nina", "--version", "1")
    assert (moved.exit_code, moved.stderr.count("\n")) == (1, 1)
    assert "lily changed case" in moved.stderr
    answer(url, "case", "note", number, "asked the depot", "--agent", "marco")
    refused = kefu(url, "case", "close", number, "--agent", "lily")
    assert "write down the solution first" in refused.stderr
    closed = answer(url, "case", "close", number, "--solution", "Found and sent", "--customer-knows", "--agent", "lily")
    assert closed["state"] == "closed"
    assert answer(url, "case", "reopen", number, "--why", "lost again", "--agent", "lily")["reopened"] == 1
    shown = answer(url, "case", "show", number)
    assert [row["did"] for row in shown["history"]][-1] == "opened"
    assert "asked the depot" in {row["said"] for row in shown["history"]}
    assert [row["number"] for row in answer(url, "case", "list", "--list", "mine", "--agent", "lily")] == [number]
    assert [row["number"] for row in answer(url, "case", "list", "--search", "where is")] == [number]
    assert kefu(url, "case", "list", "--list", "mine").exit_code == 2
    assert kefu(url, "case", "show", "99").exit_code == 1
    assert number in kefu(url, "case", "list").stdout
    assert answer(url, "case", "without") == []


def test_work_goes_to_another_department_and_back(url: str) -> None:
    number = answer(url, "case", "open", "--subject", "Broken", "--agent", "lily")["number"]
    order = answer(
        url, "work-order", "give", number, "--department", "warehouse", "--wanted", "Send", "--agent", "lily"
    )
    assert order["number"] == f"{number}-1"
    assert (
        kefu(url, "work-order", "give", number, "--department", "moon", "--wanted", "x", "--agent", "lily").exit_code
        == 1
    )
    late = kefu(url, "work-order", "give", number, "--department", "warehouse", "--wanted", "x", "--due", "2020-01-01",
                "--agent", "lily")  # fmt: skip
    assert "due in the future" in late.stderr
    answer(url, "work-order", "answer", order["number"], "Sent", "--rating", "5", "--agent", "otto")
    rated = answer(url, "work-order", "rate", order["number"], "--rating", "4", "--agent", "lily")
    assert (rated["state"], rated["request_rating"], rated["answer_rating"]) == ("answered", 5, 4)
    assert answer(url, "work-order", "list") == []


def test_the_directory_is_taken_in_and_found_by_pinyin(url: str, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    head = "name,department,position,extension,matters\n"
    people = head + "王小明,finance,会计,8101,退款\n吕布,warehouse,库管,8102,发货\n=cmd|' /C calc'!A0,finance,,8103,\n"
    file.write_bytes(people.encode("gb18030"))
    looked = answer(url, "directory", "import", str(file))
    assert looked == {"rows": 3, "new": 3, "changed": 0, "written": False}
    assert len(answer(url, "directory", "list")) == 1
    assert answer(url, "directory", "import", str(file), "--apply")["new"] == 3
    assert answer(url, "directory", "import", str(file), "--apply") == {
        "rows": 3, "new": 0, "changed": 3, "written": True,
    }  # fmt: skip
    for typed in ("wxm", "wangxiao", "小明", "8101", "退款", "会计"):
        assert [row["name"] for row in answer(url, "directory", "list", typed)] == ["王小明"], typed
    assert [row["name"] for row in answer(url, "directory", "list", "lvbu")] == ["吕布"]
    assert [row["name"] for row in answer(url, "directory", "list", "warehouse")] == ["吕布", "欧拓"]
    assert answer(url, "directory", "list", "%") == []
    file.write_text(head + "Good,finance,,1,\nBad,moon,,2,\n", encoding="utf-8-sig")
    refused = kefu(url, "directory", "import", str(file), "--apply")
    assert "line 3: there is no department 'moon'" in refused.stderr
    assert answer(url, "directory", "list", "good") == []  # all of it or nothing
    for content in (b"\xff\xfe\x00\x81\xff", b"who,where\na,b\n"):
        file.write_bytes(content)
        assert kefu(url, "directory", "import", str(file)).exit_code == 1


def test_categories_teams_and_texts_are_set(url: str) -> None:
    assert [row["code"] for row in answer(url, "case", "category", "list")] == [
        "order", "after_sales", "complaint", "enquiry", "other",
    ]  # fmt: skip
    made = kefu(url, "case", "category", "set", "recall", "--en", "Recall", "--zh", "召回", "--solve-minutes", "60",
                "--starts-at", "second_line")  # fmt: skip
    assert made.exit_code == 0, made.stderr
    opened = answer(url, "case", "open", "--category", "recall", "--subject", "Kettle", "--agent", "lily")
    assert (opened["tier"], opened["handler"]) == ("second_line", None)
    kefu(url, "case", "category", "set", "recall", "--retired")
    assert kefu(url, "case", "open", "--category", "recall", "--subject", "x", "--agent", "lily").exit_code == 1
    assert kefu(url, "case", "category", "set", "recall", "--solve-minutes", "0").exit_code == 1
    assert kefu(url, "case", "team", "add", "second_line", "lily").exit_code == 0
    assert [row["number"] for row in answer(url, "case", "list", "--list", "queue", "--agent", "lily")] == [
        opened["number"]
    ]
    assert kefu(url, "case", "team", "remove", "second_line", "lily").exit_code == 0
    bad = kefu(url, "case", "template", "set", "x", "--language", "en", "--title", "x", "--body", "{salary}")
    assert "nothing fills the places salary" in bad.stderr
    assert len(answer(url, "case", "template", "list")) == 6
