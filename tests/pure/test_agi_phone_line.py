"""pyst2's seven traps, each repaired and named; and names that callers choose with ill intent."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from forged_caller import Wire, arguments
from hypothesis import given
from hypothesis import strategies as st

from agi.phone_line import AGIInvalidCommand, AGIUsageError, NoAgiPeer, PhoneLine, read_environment
from agi.steps import CallerHungUp

ROOMS = [Path(__file__).parents[2] / room for room in ("agi", "ami_bridge", "crm")]
OK = "200 result=1"


def line_with(*replies: str) -> tuple[PhoneLine, Wire]:
    wire = Wire(replies)
    return PhoneLine(wire, {}), wire


def imports_of_ours() -> dict[Path, set[str]]:
    found: dict[Path, set[str]] = {}
    for path in (path for room in ROOMS for path in room.rglob("*.py")):
        names: set[str] = set()
        text = path.read_text("utf-8")
        if "asterisk" not in text:  # reading them all as Python takes seconds
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
        found[path] = {name for name in names if name.partition(".")[0] == "asterisk"}
    return {path: names for path, names in found.items() if names}


def test_P1_the_server_does_not_need_pyst2s_own() -> None:
    code = "import agi.server, sys; print(sorted(name for name in sys.modules if name.startswith('asterisk')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['asterisk', 'asterisk.agi', 'asterisk.compat']" or "fastagi" not in done.stdout
    broken = subprocess.run([sys.executable, "-c", "import asterisk.fastagi"], capture_output=True, check=False)
    assert broken.returncode != 0, "pyst2's FastAGI imports now: see whether ours is still needed"


def test_P2_a_line_is_made_in_any_thread_and_takes_no_signal() -> None:
    import signal

    before = signal.getsignal(signal.SIGHUP)
    made: list[PhoneLine] = []
    thread = threading.Thread(target=lambda: made.append(line_with()[0]))
    thread.start()
    thread.join()
    assert made
    assert signal.getsignal(signal.SIGHUP) is before


@pytest.mark.parametrize(
    "replies",
    [
        [],  # end of file
        ["511 Command Not Permitted on a dead channel or intercept routine"],
        ["200 result=-1"],
        ["200 result=-1 endpos=800"],
        ["HANGUP"],
        ["HANGUP", "200 result=0 endpos=4000"],
        ["100 Trying...", "HANGUP"],
    ],
)
def test_P3_a_hang_up_has_one_face(replies: list[str]) -> None:
    line, wire = line_with(*replies)
    with pytest.raises(CallerHungUp):
        line.stream_file("kefu/welcome", "1")
    with pytest.raises(CallerHungUp):
        line.set_variable("NEXT_STEP", "queue")
    assert len(wire.written) == 1, "nothing is sent after a caller left"


def test_P3_a_broken_pipe_is_a_hang_up() -> None:
    class Broken(Wire):
        def write(self, text: str) -> None:
            raise BrokenPipeError

    with pytest.raises(CallerHungUp):
        PhoneLine(Broken([]), {}).answer()


def test_P3_a_caller_who_is_named_hangup_is_no_hang_up() -> None:
    line, _wire = line_with("200 result=1 (hangup)")
    assert line.get_variable("CALLERID(name)") == "hangup"


@given(st.text())
def test_P4_whatever_a_value_holds_is_one_argument_on_one_line(value: str) -> None:
    line, wire = line_with(OK)
    line.set_variable("NAME", value)
    (sent,) = wire.written
    assert sent.count("\n") == 1
    assert sent.endswith("\n")
    assert "\r" not in sent
    assert "\x00" not in sent
    expected = "".join(" " if ord(sign) < 32 or ord(sign) == 127 else sign for sign in value)
    assert arguments(sent.removesuffix("\n")) == ["SET", "VARIABLE", "NAME", expected]


@pytest.mark.parametrize("name", ['Li "Bobby" Wei', 'x"\nEXEC System "reboot', "a\r\nHANGUP", "b\\", '\\"', "\x00"])
def test_P4_no_name_can_start_a_command_of_its_own(name: str) -> None:
    line, wire = line_with(OK, OK)
    line.set_variable("NAME", name)
    line.appexec("NoOp", name)
    assert [sent.count("\n") for sent in wire.written] == [1, 1]
    assert all(len(arguments(sent)) in (3, 4) for sent in wire.written)


def test_P5_a_usage_text_is_read_to_its_end() -> None:
    line, _wire = line_with(
        "520-Invalid command syntax.  Proper usage follows:", "Usage: ANSWER", "520 End of proper usage.", OK
    )
    with pytest.raises(AGIUsageError, match="Usage: ANSWER"):
        line.answer()
    line.set_variable("A", "b")


def test_P5_end_of_file_inside_a_usage_text_is_a_hang_up() -> None:
    line, _wire = line_with("520-Invalid command syntax.  Proper usage follows:", "Usage: ANSWER")
    with pytest.raises(CallerHungUp):
        line.answer()


def test_P5_a_usage_text_without_end_is_refused() -> None:
    line, _wire = line_with("520-Invalid", *["more"] * 1000)
    with pytest.raises(NoAgiPeer):
        line.answer()


def test_P6_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    line, _wire = line_with("200 result=0 endpos=4000", OK)
    line.stream_file("kefu/welcome")
    line.set_variable("A", "b")
    assert capfd.readouterr() == ("", "")


def test_P7_pyst2_is_imported_in_one_file_and_its_manager_nowhere() -> None:
    used = imports_of_ours()
    assert [path.name for path in used] == ["phone_line.py"]
    assert not [name for names in used.values() for name in names if "manager" in name]


def test_a_reply_is_awaited_after_trying_and_rubbish_is_refused() -> None:
    line, _wire = line_with("100 Trying...", "what?", OK)
    line.answer()
    line, _wire = line_with(*["what?"] * 20)
    with pytest.raises(NoAgiPeer):
        line.answer()
    line, _wire = line_with("200 fine")
    with pytest.raises(NoAgiPeer):
        line.answer()


def test_an_unknown_command_is_our_fault() -> None:
    line, _wire = line_with("510 Invalid or unknown command")
    with pytest.raises(AGIInvalidCommand):
        line.execute("SING")


def test_keys_and_missing_files_are_told() -> None:
    line, _wire = line_with(
        "200 result=49 endpos=800", "200 result=0 endpos=0", "200 result=0 endpos=800", "200 result=42"
    )
    assert line.stream_file("kefu/welcome", "1") == "1"
    assert not line.played_nothing
    assert line.stream_file("kefu/gone", "1") == ""
    assert line.played_nothing
    assert line.stream_file("kefu/welcome", "1") == ""
    assert not line.played_nothing
    assert line.wait_for_digit(1000) == "*"


def test_a_missing_file_is_no_hang_up() -> None:
    """As Asterisk 16 and 22 really answer: the call goes on."""
    line, _wire = line_with("200 result=-1 endpos=0", "200 result=1")
    assert line.stream_file("kefu/gone", "1") == ""
    assert line.played_nothing
    line.set_variable("NEXT_STEP", "queue")


@given(st.lists(st.text(max_size=60), max_size=12))
def test_no_reply_does_anything_but_answer_hang_up_or_refuse(replies: list[str]) -> None:
    line, _wire = line_with(*replies)
    try:
        line.set_variable("A", "b")
    except (CallerHungUp, NoAgiPeer, AGIInvalidCommand, AGIUsageError):
        return
    assert any(reply.startswith("200") for reply in replies)


def test_the_environment_is_read_whatever_the_caller_calls_himself() -> None:
    env = read_environment(
        ["agi_uniqueid: 1.1", 'agi_calleridname: "<script>alert(1)</script>\x00\x1b[2J: x"', "agi_callerid: +861"]
    )
    assert env["agi_calleridname"] == '"<script>alert(1)</script>  [2J: x"'
    assert env["agi_callerid"] == "+861"


@pytest.mark.parametrize("lines", [[], ["GET / HTTP/1.1"], ["agi_channel: x"], ["agi_uniqueid: 1.1", "\x16\x03\x01"]])
def test_what_is_no_environment_is_refused(lines: list[str]) -> None:
    with pytest.raises(NoAgiPeer):
        read_environment(lines)
