"""Menu files are written by people: every fault has a code, a line and a sentence, and none crashes anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.menu.checking import check_menu
from agi.menu.codes import Code
from agi.menu.tree import MenuTree
from agi.prompt_texts import read_prompts

SHIPPED = Path(__file__).parents[2] / "asterisk-conf"
PROMPTS = frozenset(
    read_prompts((SHIPPED / "prompts" / "prompts.yaml").read_text("utf-8"), "prompts.yaml")[0],
)
SMALL = """\
language:
  ask: choose
  keys: {"1": en, "2": zh}
  otherwise: zh
closed: {voicemail: reception}
start: main
menus:
  main:
    ask: [one]
    keys:
      "1": {queue: support}
    wrong_key: {again: yes}
    silence: {again: yes}
    out_of_tries: {queue: reception}
"""


def check(text: str) -> tuple[MenuTree | None, list[str]]:
    tree, faults = check_menu(text, "m.yaml", {"choose", "one"})
    return tree, [f"{fault.line} {fault.code}" for fault in faults]


def test_the_shipped_menu_has_no_fault() -> None:
    text = (SHIPPED / "ivr" / "front_desk.yaml").read_text("utf-8")
    tree, faults = check_menu(text, "front_desk.yaml", PROMPTS)
    assert [str(fault) for fault in faults] == []
    assert tree is not None
    assert set(tree.menus) == {"main", "after_order"}


def test_a_small_menu_has_no_fault() -> None:
    assert check(SMALL)[1] == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("start: main", "start: mian", "6 E_MENU"),
        ("queue: support", "queue: 'sup;port'", "11 E_NAME"),
        ("queue: support", "queue: '${SHELL(id)}'", "11 E_NAME"),
        ("queue: support", "transfer: 1&2", "11 E_NAME"),
        ("{queue: support}", "{queue: support, menu: main}", "11 E_TWO_ENDS"),
        ("{queue: support}", "{quue: support}", "11 E_WORD"),
        ("{queue: support}", "{play: [two], queue: support}", "11 E_PROMPT"),
        ("{queue: support}", "{queue: support, credit_s: -5}", "11 E_NUMBER"),
        ("{queue: support}", "{queue: support, credit_s: 1.5}", "11 E_NUMBER"),
        (
            "{queue: support}",
            "{tell: balance, told: {again: y}, not_found: {again: y}, unavailable: {again: y}}",
            "11 E_WORD",
        ),
        ("{queue: support}", "{tell: order_status, told: {again: y}, not_found: {again: y}}", "11 E_LACKS"),
        ("{queue: support}", "{menu: nowhere}", "11 E_MENU"),
        ("{queue: support}", "[support]", "11 E_SHAPE"),
        ('"1": {queue: support}', '"1": {queue: support}\n      "1": {queue: other}', "12 E_TWICE"),
        ('"1": {queue: support}', '"12": {queue: support}', "11 E_KEY"),
        ("    silence: {again: yes}\n", "", "8 E_LACKS"),
        ("out_of_tries: {queue: reception}", "out_of_tries: {menu: main}", "14 E_NO_END"),
        ("otherwise: zh", "otherwise: fr", "4 E_LANGUAGE"),
        ("ask: [one]", "ask: []", "8 E_EMPTY"),
        ("ask: [one]", "ask: [one]\n    timeout_s: nan", "10 E_NUMBER"),
        (
            "menus:",
            (
                "menus:\n  lonely: {ask: one, keys: {}, wrong_key: {again: y}, silence: {again: y}, "
                "out_of_tries: {queue: q}}"
            ),
            "8 W_UNREACHED",
        ),
        ("ask: choose", "ask: &x choose", "2 E_ALIAS"),
        ("ask: choose", "ask: !!python/object:os.system choose", "2 E_ALIAS"),
        ("ask: choose", "ask: [[[[[[[[[[[[[[choose]]]]]]]]]]]]]]", "2 E_DEEP"),
        ("ask: choose", "ask: 'choose", "15 E_YAML"),
    ],
)
def test_each_fault_is_told_with_its_line(old: str, new: str, expected: str) -> None:
    assert old in SMALL
    tree, faults = check(SMALL.replace(old, new, 1))
    assert expected in faults
    assert (tree is None) == any(" E_" in fault for fault in faults)


def test_a_fault_names_file_line_and_remedy() -> None:
    _tree, faults = check_menu(SMALL.replace("start: main", "start: mian"), "ivr/small.yaml", {"choose", "one"})
    assert str(faults[0]) == (
        'ivr/small.yaml:6 E_MENU: there is no menu "mian": write it under "menus", or name one of main'
    )


@pytest.mark.parametrize("text", ["", "---\n", "[]", "word", "\x00", "a: b: c", "\ufeff", "*x", "- " * 300])
def test_files_that_are_no_menu_are_faults(text: str) -> None:
    tree, faults = check(text)
    assert tree is None
    assert faults


def test_hostile_text_is_shown_printable_and_short() -> None:
    _tree, faults = check_menu(
        SMALL.replace("start: main", 'start: "\\e[2J' + "x" * 5000 + '"'), "m.yaml", {"choose", "one"}
    )
    assert all(len(str(fault)) < 600 and str(fault).isprintable() for fault in faults)


WORDS = st.sampled_from(
    [
        *SMALL.replace("\n", " \n ").split(" "),
        "&a",
        "*a",
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "\n    ",
        "\x07",
        "é",
        "'",
        '"',
    ]
)


@given(st.lists(WORDS, max_size=60).map("".join))
def test_no_text_crashes_the_check(text: str) -> None:
    tree, faults = check(text)
    assert (tree is None) == any(" E_" in fault for fault in faults)


@given(st.data())
def test_a_menu_with_any_line_gone_is_whole_or_explained(data: st.DataObject) -> None:
    lines = SMALL.splitlines()
    gone = data.draw(st.sets(st.integers(0, len(lines) - 1), max_size=4))
    tree, faults = check("\n".join(line for number, line in enumerate(lines) if number not in gone))
    assert tree is not None or faults


def test_every_code_says_how_to_go_on() -> None:
    assert all(len(code.value) > 4 for code in Code)
