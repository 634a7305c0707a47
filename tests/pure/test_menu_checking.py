"""Menu files are written by people: every fault has a code, a line and a sentence, and none crashes anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi import shipped
from agi.menu.checking import check_menu
from agi.menu.codes import Code
from agi.menu.known import Known
from agi.menu.manual import with_tables
from agi.menu.reading import MOST_BYTES
from agi.menu.schema import menu_schema
from agi.menu.tree import BACK, Menu

MENUS = Path(__file__).parent / "menus"
BROKEN = sorted((MENUS / "broken").glob("*.yaml"))
GOOD = sorted((MENUS / "good").glob("*.yaml"))
BOTH = ("en", "zh")
KNOWN = Known(
    prompts={
        **dict.fromkeys(("hello", "choose", "wrong", "nothing", "to-person", "bye", "enter", "right", "sorry"), BOTH),
        "only-english": ("en",),
        "unrecorded": BOTH,
    },
    queues=("reception", "support", "sales"),
    steps=("points",),
    silent={("unrecorded", "zh"): "zh/unrecorded.wav is missing: run `kefu prompts build`"},
)
SMALL = """\
defaults:
  wrong_key: {say: wrong}
  silence: {say: nothing}
  out_of_tries: {queue: reception}
  human: {queue: reception}
start: main
parts:
  main:
    - say: hello
    - menu: [choose]
      keys:
        "1": {queue: support}
"""


def check(text: str) -> tuple[Menu | None, list[str]]:
    menu, faults = check_menu(text, "m.yaml", KNOWN)
    return menu, [f"{fault.code} at {fault.line}" for fault in faults]


def test_there_are_sixty_of_each() -> None:
    assert (len(BROKEN), len(GOOD)) >= (60, 60)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_file_gets_its_own_code_at_its_line_and_no_other(path: Path) -> None:
    text = path.read_text("utf-8")
    expected = re.match(r"# expect: ((?:E|W)_[A-Z_]+ at \d+)", text)
    assert expected is not None, f"{path.name} does not say what is wrong with it"
    menu, found = check(text)
    assert found == [expected[1]]
    assert (menu is None) == found[0].startswith("E_")


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_gets_no_complaint(path: Path) -> None:
    menu, faults = check_menu(path.read_text("utf-8"), str(path), KNOWN)
    assert [str(fault) for fault in faults] == []
    assert menu is not None
    assert all(target in menu.nodes or target == BACK for node in menu.nodes.values() for target in node.ways.values())


def test_every_code_of_a_menu_has_a_broken_file() -> None:
    """The rest: faults of the prompts file, and a file too large to keep here."""
    shown = {match[1] for path in BROKEN if (match := re.match(r"# expect: (\w+)", path.read_text("utf-8")))}
    assert {code.name for code in Code} - shown == {"E_LARGE", "E_MANY", "E_EMPTY_FILE", "E_TEXT", "W_UNUSED"}


def test_the_shipped_menus_have_no_fault() -> None:
    for name in shipped.menu_names():
        path = shipped.menu_file(name)
        assert check_menu(path.read_text("utf-8"), str(path), shipped.known())[1] == []


def test_a_fault_names_file_line_and_remedy() -> None:
    _menu, faults = check_menu(SMALL.replace("start: main", "start: mian"), "ivr/small.yaml", KNOWN)
    assert str(faults[0]) == (
        'ivr/small.yaml:6 E_PART: there is no part "mian": write it under "parts", or name one of main'
    )


def test_a_file_that_is_too_large_or_unfolds_to_too_much_is_refused() -> None:
    assert check(SMALL + "#" * MOST_BYTES)[1] == ["E_LARGE at 1"]
    many = "".join(f"    - menu: [choose]\n      keys: {{'{key}': next}}\n" for key in range(9)) * 600
    found = check(SMALL.replace('        "1": {queue: support}\n', '        "1": next\n') + many + "    - end\n")[1]
    assert found == ["E_MANY at 8"]


@pytest.mark.parametrize("text", ["", "---\n", "[]", "word", "\x00", "a: b: c", "\ufeff", "*x", "- " * 300])
def test_files_that_are_no_menu_are_faults(text: str) -> None:
    menu, faults = check(text)
    assert menu is None
    assert faults


def test_hostile_text_is_shown_printable_and_short() -> None:
    long = SMALL.replace("start: main", 'start: "\\e[2J' + "x" * 150 + '"')
    _menu, faults = check_menu(long, "m.yaml", KNOWN)
    assert faults
    assert all(len(str(fault)) < 600 and str(fault).isprintable() for fault in faults)


WORDS = st.sampled_from(
    [
        *SMALL.replace("\n", " \n ").split(" "),
        *("&a", "*a", "- ", ": ", "{", "}", "[", "]", "\n    ", "\x07", "é", "'", '"'),
        *("collect: ", "into: ", "lookup: ", "when: ", "goto: ", "again", "back", "skip: yes", "run: points"),
    ]
)


@given(st.lists(WORDS, max_size=60).map("".join))
def test_no_text_crashes_the_check(text: str) -> None:
    menu, faults = check(text)
    assert (menu is None) == any(fault.startswith("E_") for fault in faults)


@given(st.data())
def test_a_menu_with_any_line_gone_is_whole_or_explained(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(GOOD)).read_text("utf-8").splitlines()
    gone = data.draw(st.sets(st.integers(0, len(lines) - 1), max_size=4))
    menu, faults = check("\n".join(line for number, line in enumerate(lines) if number not in gone))
    assert menu is not None or faults


@given(st.data())
def test_two_lines_changed_about_never_crash_the_check(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from([*GOOD, *BROKEN])).read_text("utf-8").splitlines()
    one, other = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.integers(0, len(lines) - 1))
    lines[one], lines[other] = lines[other], lines[one]
    menu, faults = check("\n".join(lines))
    assert menu is not None or faults


def test_every_code_says_how_to_go_on() -> None:
    assert all(len(code.value) >= 7 for code in Code)


def test_the_schema_for_editors_is_current() -> None:
    """Made anew with: python -c 'from agi.menu.schema import menu_schema; print(menu_schema(), end="")'"""
    assert (shipped.folder() / "ivr" / "menu.schema.json").read_text("utf-8") == menu_schema()


def test_every_shipped_menu_names_the_schema_in_its_first_line() -> None:
    for name in shipped.menu_names():
        first = shipped.menu_file(name).read_text("utf-8").splitlines()[0]
        assert first == "# yaml-language-server: $schema=menu.schema.json"


def test_the_tables_of_the_engineers_page_are_complete() -> None:
    """Made anew with `python -m agi.menu.manual docs/ivr.md`."""
    page = (Path(__file__).parents[2] / "docs" / "ivr.md").read_text("utf-8")
    assert with_tables(page) == page
    assert all(f"`{code.name}`" in page for code in Code)


def test_the_small_menu_of_the_engineers_page_is_good() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ivr.md").read_text("utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    assert check_menu(text, "small.yaml", shipped.known())[1] == []
