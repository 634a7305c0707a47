"""`kefu ivr simulate|test|graph|diff|rehearse` as an engineer meets them, and the shipped menus' golden calls."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agi import shipped
from agi.cli import ivr
from agi.golden import play, read_golden
from agi.menu.drawing import draw
from crm.cli import main

TEXTS = shipped.load_prompts()[0]
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SHIPPED = shipped.menu_file("front_desk").read_text("utf-8")


def kefu(*arguments: str) -> Result:
    return CliRunner().invoke(ivr, list(arguments))


def changed(tmp_path: Path, *edits: tuple[str, str]) -> Path:
    text = SHIPPED
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "front_desk.yaml"
    path.write_text(text, "utf-8")
    return path


class TestSimulate:
    """A call on paper."""

    def test_each_step_is_a_line(self) -> None:
        told = kefu("simulate", "--keys", "12", "--from", "+8613800138000", "--at", "2026-03-04T10:00")
        assert told.exit_code == 0
        assert [line.split() for line in told.stdout.splitlines()][:4] == [
            ["menu", "front_desk,", "not", "published"],
            ["caller", "+8613800138000"],
            ["language", "zh"],
            ["hears", "For", "English,", "press", "one.", "[choose-english]"],
        ]
        assert told.stdout.splitlines()[-1].split() == ["ends", "queue", "support"]

    def test_as_json_each_line_names_its_place_in_the_menu(self) -> None:
        lines = json.loads(kefu("simulate", "--keys", "12", "--json").stdout)
        assert {"what": "presses", "text": "2", "place": "main/1", "prompts": []} in lines
        assert lines[-1] == {"what": "ends", "text": "queue support", "place": "main/1/2/1", "prompts": []}

    def test_hours_language_and_order_are_the_options(self) -> None:
        known = ("--from", "+8613800138000", "--lang", "en", "--keys", "1")
        assert "goodbye, served" in kefu("simulate", *known).stdout
        assert "order-not-found" in kefu("simulate", *known, "--no-order").stdout
        assert "voicemail reception" in kefu("simulate", *known, "--closed").stdout

    def test_a_closed_queue_an_announcement_and_the_credit_are_as_in_a_real_call(self) -> None:
        key = ("--from", "+8613800138000", "--lang", "en", "--tier", "key", "--keys", "2")
        shut = json.loads(kefu("simulate", *key, "--close", "support", "--json").stdout)
        assert [(line["what"], line["text"]) for line in shut[-3:]] == [
            ("hears", "This department is closed now.  [queue-closed]"),
            ("closed", "queue support: closed_now"),
            ("ends", "voicemail support"),
        ]
        told = json.loads(kefu("simulate", *key, "--announce", "support=welcome", "--json").stdout)
        assert [(line["what"], line["prompts"] or line["text"]) for line in told[-3:]] == [
            ("hears", ["welcome"]),
            ("credit", "180 s (tier key 180 s)"),
            ("ends", "queue support"),
        ]

    def test_hours_of_one_queue_close_it_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KEFU_QUEUE_HOURS", '{"support": "mon-fri 09:00-18:00"}')
        sunday = ("--from", "+8613800138000", "--lang", "en", "--at", "2026-03-08T10:00")
        assert "closed  queue support: hours" in kefu("simulate", *sunday, "--keys", "2").stdout
        assert "ends  queue reception" in kefu("simulate", *sunday, "--keys", "0").stdout

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--close", "sales"], "'sales' is no queue: there are reception, support"),
            (["--announce", "support"], "'support' names no prompt, write it as support=welcome"),
            (["--keys", "1x"], "'x' is no telephone key"),
            (["--at", "tomorrow"], "--at: 'tomorrow' is no time"),
            (["--menu", "backdesk"], "'backdesk' is no installed menu: there are front_desk"),
            (["--file", "/nonexistent.yaml"], "/nonexistent.yaml cannot be read"),
        ],
    )
    def test_what_cannot_be_is_one_sentence(self, arguments: list[str], says: str) -> None:
        told = CliRunner().invoke(main, ["ivr", "simulate", *arguments])
        assert told.exit_code in (1, 2)
        assert says in told.stderr.splitlines()[-1]


class TestGoldenCalls:
    """`kefu ivr test`."""

    @pytest.mark.parametrize("name", shipped.menu_names())
    def test_every_golden_call_of_the_shipped_menus_goes_as_it_must(self, name: str) -> None:
        path = shipped.golden_file(name)
        calls, faults = read_golden(path.read_text("utf-8"), str(path))
        assert faults == []
        assert len(calls) >= 10
        menu = shipped.load_menu(name)
        outcomes = [play(call, menu, TEXTS) for call in calls]
        assert [(one.call.name, one.failures) for one in outcomes if one.failures] == []

    @pytest.mark.parametrize("name", shipped.menu_names())
    def test_golden_calls_come_out_at_every_ending_there_is(self, name: str) -> None:
        """Every queue, box and goodbye that the menu leads to is the end of some golden call."""
        from agi.menu.picture_rows import named
        from agi.menu.tree import Leave

        calls, _faults = read_golden(shipped.golden_file(name).read_text("utf-8"), name)
        menu = shipped.load_menu(name)
        ends = {named(node.act.ending) for node in menu.nodes.values() if isinstance(node.act, Leave)}
        assert ends == {play(call, menu, TEXTS).ended.partition(",")[0] for call in calls}

    def test_the_installed_ones_pass_and_are_counted(self) -> None:
        told = kefu("test")
        assert told.exit_code == 0
        assert "ok  a stranger chooses English, then support" in told.stdout
        assert "golden calls went as they must" in told.stderr

    def test_a_menu_that_leads_elsewhere_fails_with_line_and_reason(self, tmp_path: Path) -> None:
        changed(tmp_path, ("say: to-support, queue: support", "say: to-support, queue: reception"))
        golden = tmp_path / "front_desk.test.yaml"
        golden.write_text(shipped.golden_file("front_desk").read_text("utf-8"), "utf-8")
        told = kefu("test", str(golden))
        assert told.exit_code == 1
        assert "FAILED  a stranger chooses English, then support" in told.stdout
        assert f"{golden}:6 ends 'queue reception', not 'queue support'" in told.stdout
        rows = json.loads(kefu("test", str(golden), "--json").stdout)
        assert sum(bool(row["failures"]) for row in rows) >= 3

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("calls: none", "1 E_SHAPE"),
            ("calls:\n  - {name: x}", "2 E_LACKS"),
            ("calls:\n  - {name: x, ends: y, keyz: 1}", "2 E_WORD"),
            ("calls:\n  - {name: x, ends: y, keys: 1a}", "2 E_KEY"),
            ("calls:\n  - {name: x, ends: y, at: noon}", "2 E_SPAN"),
            ("calls:\n  - {name: x, ends: y, order: {number: 1}}", "2 E_SHAPE"),
            ("calls:\n  - {name: x, ends: y, order: lost}", "2 E_CHOICE"),
            ("calls:\n  - {name: x, ends: y, customer: {language: fr}}", "2 E_LANGUAGE"),
            ("calls:\n  - &a {name: x, ends: y}\n  - *a", "2 E_ALIAS"),
            ("cals: []", "1 E_"),
        ],
    )
    def test_a_faulty_file_is_told_by_line(self, tmp_path: Path, text: str, says: str) -> None:
        golden = tmp_path / "front_desk.test.yaml"
        golden.write_text(text)
        told = kefu("test", str(golden))
        assert told.exit_code == 1
        assert f"{golden}:{says}" in told.stdout


class TestDiff:
    """What a caller would notice."""

    def differences(self, tmp_path: Path, *edits: tuple[str, str]) -> list[tuple[str, str]]:
        told = kefu("diff", str(shipped.menu_file("front_desk")), str(changed(tmp_path, *edits)), "--json")
        found = json.loads(told.stdout)
        assert told.exit_code == (1 if found else 0)
        return [(one["kind"], one["text"]) for one in found]

    def test_nothing_changed(self, tmp_path: Path) -> None:
        assert self.differences(tmp_path) == []

    def test_comments_order_and_names_of_parts_make_no_difference(self, tmp_path: Path) -> None:
        renamed = [("order_status:\n", "shipping:\n"), ("goto: order_status", "goto: shipping")]
        assert self.differences(tmp_path, *renamed, ('"1": order_status', '"1": shipping')) == []

    def test_a_key_that_moved(self, tmp_path: Path) -> None:
        found = self.differences(tmp_path, ('"9": {language', '"8": {language'))
        assert [kind for kind, _text in found] == ["moved"]
        assert found[0][1].startswith("key 8 does what key 9 did")

    def test_a_key_that_went_and_one_that_came(self, tmp_path: Path) -> None:
        [(kind, text)] = self.differences(tmp_path, ('        "9": {language: other, again: yes}\n', ""))
        assert (kind, text.partition(" (")[0]) == ("removed", "key 9 is offered no more")
        [(kind, text)] = self.differences(tmp_path, ('"9": {', '"5": {queue: support}\n        "9": {'))
        assert (kind, text) == ("added", "key 5 is new (queue support)")

    def test_a_key_that_leads_elsewhere(self, tmp_path: Path) -> None:
        edit = ('"2": {matter: support, say: to-support, queue: support}', '"2": {matter: support, queue: reception}')
        assert self.differences(tmp_path, edit) == [
            ("removed", "says to-support no more"),
            ("changed", "ends at queue reception, not at queue support"),
        ]

    def test_another_prompt_and_another_wait(self, tmp_path: Path) -> None:
        found = self.differences(tmp_path, ("- say: welcome", "- say: closed"), ("tries: 3", "tries: 2"))
        assert ("changed", "says closed instead of welcome") in found
        assert ("changed", "the question has 2 tries of 5 s, not 3 tries of 5 s") in found

    def test_a_question_put_in_between_does_not_hide_the_rest(self, tmp_path: Path) -> None:
        asked = "    - ask: [menu-hear-again]\n      yes: next\n      no: end\n    - goto: main"
        found = self.differences(tmp_path, ("    - goto: main", asked), ('"9": {language', '"8": {language'))
        assert ("added", "the question menu-hear-again comes first") in found
        assert [kind for kind, text in found if "key 8" in text] == ["moved"]
        taken_out = kefu(
            "diff", str(changed(tmp_path, ("    - goto: main", asked))), str(shipped.menu_file("front_desk"))
        )
        assert "the question menu-hear-again comes no more" in taken_out.stdout

    def test_a_skipped_step(self, tmp_path: Path) -> None:
        assert self.differences(tmp_path, ("- say: welcome", "- {say: welcome, skip: yes}")) == [
            ("removed", "says welcome no more")
        ]


class TestGraph:
    """The picture."""

    @pytest.mark.parametrize("name", shipped.menu_names())
    def test_the_shipped_menus_are_drawn_with_every_text_and_ending(self, name: str) -> None:
        menu = shipped.load_menu(name)
        root = ElementTree.fromstring(draw(menu, TEXTS, menu.languages))  # noqa: S314 - our own picture
        told = " ".join("".join(element.itertext()) for element in root.iter())
        for word in (*menu.parts, "Welcome. Thank you for calling.", "您好，欢迎致电客户服务中心。", "queue support"):
            assert word in told

    def test_one_language_is_drawn_alone(self) -> None:
        picture = kefu("graph", "--lang", "en").stdout
        assert "Welcome." in picture
        assert "欢迎" not in picture

    def test_hostile_texts_stay_text(self) -> None:
        menu = shipped.load_menu("front_desk")
        texts = {**TEXTS, "welcome": {"en": "</text><script>alert(1)</script>&", "zh": '"><b>'}}
        root = ElementTree.fromstring(draw(menu, texts, ("en", "zh")))  # noqa: S314 - our own picture
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
            "svg",
            "title",
            "rect",
            "path",
            "g",
            "text",
        }

    def test_nothing_stands_outside_the_picture(self) -> None:
        menu = shipped.load_menu("front_desk")
        root = ElementTree.fromstring(draw(menu, TEXTS, menu.languages))  # noqa: S314 - our own picture
        width, height = float(root.get("width", 0)), float(root.get("height", 0))
        for group in root.iter("{http://www.w3.org/2000/svg}g"):
            x, y = (float(part) for part in group.get("transform", "")[10:-1].split(","))
            card = next(iter(group))
            assert x + float(card.get("width", 0)) <= width
            assert y + float(card.get("height", 0)) <= height
            for text in group.iter("{http://www.w3.org/2000/svg}text"):
                assert float(text.get("y", 0)) < float(card.get("height", 0))

    def test_the_picture_in_the_documents_is_current(self) -> None:
        """Made anew with `kefu ivr graph --to docs/pictures/front_desk.svg`."""
        menu = shipped.load_menu("front_desk")
        assert (PICTURES / "front_desk.svg").read_text("utf-8") == draw(menu, TEXTS, menu.languages)

    def test_a_picture_that_cannot_be_written_is_one_sentence(self, tmp_path: Path) -> None:
        told = kefu("graph", "--to", str(tmp_path / "no" / "such" / "folder.svg"))
        assert told.exit_code == 1
        assert "cannot be written" in told.stderr


class TestRehearse:
    """The keyboard as keypad, on a terminal of its own."""

    def test_keys_are_pressed_and_the_call_ends(self) -> None:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "crm.cli", "ivr", "rehearse", "--from", "+8613800138000", "--lang", "en"]
        call = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.write(ours, b"x2")
        out, _err = call.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        assert call.returncode == 0
        assert ["presses", "2"] in [line.split() for line in out.splitlines()]
        assert out.splitlines()[-1].split() == ["ends", "queue", "support"]

    def test_without_a_keyboard_it_says_what_to_do(self) -> None:
        command = [sys.executable, "-m", "crm.cli", "ivr", "rehearse"]
        told = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert told.returncode == 1
        assert "use `kefu ivr simulate --keys" in told.stderr
