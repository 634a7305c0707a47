"""`kefu pbx check`: our own tree is clean, and each promise that somebody breaks is found at its file and line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from crm.cli import main
from crm.pbx import lint
from crm.pbx.render import CannotRender, SiteValues, known_values, render, source_folder, with_text


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of asterisk-conf to break."""
    return Path(shutil.copytree(source_folder(), tmp_path / "conf"))


def break_it(tree: Path, file: str, old: str, new: str) -> int:
    """Replace one piece of a file, and say on which line it stood."""
    text = (tree / file).read_text(encoding="utf-8")
    assert old in text, f"{file} no longer holds {old!r}"
    (tree / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def found(tree: Path) -> list[str]:
    program = lint.asterisklint()
    assert program is not None, "asterisklint is missing: install the project's dev dependencies"
    return [f"{each.file}:{each.line} {each.code}" for each in (*lint.check(tree), *lint.check_grammar(tree, program))]


def test_our_own_configuration_keeps_its_promises(tree: Path) -> None:
    assert found(tree) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("dialplan/queues.conf", "Queue(support,ct", "Queue(support,ct,,,9,", "E_QUEUE_ARGUMENTS"),
        (
            "dialplan/queues.conf",
            "exten = FULL,1,Goto(voicemail,s,1)",
            "exten = FULL,1,Goto(nowhere,s,1)",
            "E_DP_GOTO_NOCONTEXT",
        ),
        ("dialplan/from_trunk.conf", "${FILTER(+0-9,${EXTEN})}", "${EXTEN}", "E_UNFILTERED"),
        ("dialplan/from_trunk.conf", "exten = i,1,Hangup(1)", "include = internal", "E_TRUNK_INCLUDE"),
        ("dialplan/goodbye.conf", "Playback(", "Playbak(", "E_APP_MISSING"),
        ("manager.conf", "write = reporting", "write = reporting,system", "E_AMI_RIGHTS"),
        ("manager.conf", "read =\n", "read = all\n", "E_AMI_RIGHTS"),
        ("manager.conf", "webenabled = no", "webenabled = yes", "E_AMI_WEB"),
        ("queues.conf", "joinempty = unavailable", "joinempty = paused,unavailable", "E_QUEUE_EMPTIES"),
        ("queues.conf", "wrapuptime = 3", "wrapuptime = 0", "E_QUEUE_GUARD"),
        ("cel.conf", "events = CHAN_START", "events = ALL,CHAN_START", "E_CEL_DTMF"),
        ("modules.conf", "autoload = no", "autoload = yes", "E_MODULE_ALL"),
        ("modules.conf", "load = app_userevent.so", "load = app_system.so", "E_MODULE_SHELL"),
        ("rtp.conf", "@{rtp_first_port}", "@{rtp_frist_port}", "E_PLACEHOLDER"),
    ],
)
def test_a_broken_promise_is_found_where_it_was_broken(tree: Path, file: str, old: str, new: str, code: str) -> None:
    line = break_it(tree, file, old, new)
    assert f"{file}:{line} {code}" in found(tree)


def test_a_variable_that_the_table_does_not_name_is_found(tree: Path) -> None:
    break_it(tree, "extensions.conf", ";   JOINED  ", ";   COMING  ")
    assert any(each.startswith("dialplan/queues.conf:") and each.endswith("E_VAR_UNLISTED") for each in found(tree))


def test_more_than_ten_variables_are_too_many(tree: Path) -> None:
    rows = "".join(f";   MORE_{letter}        nobody      nobody\n" for letter in "ABCDEFGHIJ")
    line = break_it(tree, "extensions.conf", ";   WAITING_IN", rows + ";   WAITING_IN")
    assert f"extensions.conf:{line + 10} E_VAR_MANY" in found(tree)


@pytest.mark.parametrize(
    "status", ["TIMEOUT", "FULL", "JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL", "CONTINUE", "WITHDRAW"]
)
def test_each_queue_needs_all_eight_endings(tree: Path, status: str) -> None:
    break_it(tree, "dialplan/queues.conf", f"exten = {status},1,", "exten = OTHER,1,")
    endings = [each for each in lint.check(tree) if each.code == "E_QUEUE_ENDING"]
    assert [each.sentence for each in endings] == [
        f"[queue-reception] has no extension for {status}: choose where those callers go"
    ]


@pytest.mark.parametrize("preset", ["NEXT_STEP=queue", "QUEUE=reception", "TIMEOUT(absolute)=5", "AGIEXITONHANGUP=yes"])
def test_python_is_never_asked_before_the_safe_ending_is_set(tree: Path, preset: str) -> None:
    break_it(tree, "dialplan/front_desk.conf", f"Set({preset})", "NoOp()")
    assert "E_AGI_UNSAFE" in {each.code for each in lint.check(tree)}


def test_an_event_that_the_filter_keeps_from_the_mirror_is_named(tree: Path) -> None:
    break_it(tree, "manager.conf", "BlindTransfer|", "")
    break_it(tree, "manager.conf", "eventfilter = !^Event: DeviceStateChange", "eventfilter = !^Event: Ho")
    sentences = {each.sentence for each in lint.check(tree) if each.code == "E_AMI_DEAF"}
    assert "the reader's filter keeps BlindTransfer from the mirror" in sentences


def test_the_command_prints_places_and_exits_1(tree: Path) -> None:
    line = break_it(tree, "queues.conf", "wrapuptime = 3", "wrapuptime = 1")
    ran = CliRunner().invoke(main, ["pbx", "check", str(tree)])
    assert ran.exit_code == 1
    assert (
        ran.stdout == f"queues.conf:{line} E_QUEUE_GUARD: wrapuptime below 3 lets an agent be rung in after-call work\n"
    )
    as_json = CliRunner().invoke(main, ["pbx", "check", str(tree), "--json"])
    assert json.loads(as_json.stdout)[0]["code"] == "E_QUEUE_GUARD"


def test_rendering_again_keeps_the_secrets(tmp_path: Path) -> None:
    first = CliRunner().invoke(main, ["pbx", "render", "--to", str(tmp_path / "etc"), "--set", "ami_port=5999"])
    assert first.exit_code == 0, first.output
    before = known_values(tmp_path / "etc")
    assert before is not None
    again = CliRunner().invoke(main, ["pbx", "render", "--to", str(tmp_path / "etc"), "--set", "sip_port=5099"])
    assert again.exit_code == 0, again.output
    after = known_values(tmp_path / "etc")
    assert after == before.changed(sip_port=5099)
    manager = (tmp_path / "etc" / "manager.conf").read_text()
    assert "port = 5999" in manager
    assert before.reader_secret in manager
    assert before.reader_secret not in first.output + again.output
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "etc").rglob("*.conf")} == {0}
    assert not (tmp_path / "etc" / "sandbox").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ami_prot=1", "'ami_prot=1' sets no value of asterisk-conf: `kefu pbx values` lists them"),
        ("ami_port", "'ami_port' sets no value"),
        ("ami_port=many", "ami_port must be a whole number, not 'many'"),
        ("seats=1", "'seats=1' sets no value"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_sentence(change: str, sentence: str) -> None:
    with pytest.raises(CannotRender) as refused:
        with_text(SiteValues(), [change])
    assert sentence in str(refused.value)


def test_a_value_that_would_add_a_line_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(CannotRender, match="actor_secret holds a control character"):
        render(tmp_path / "etc", SiteValues(actor_secret="x\n[admin]\nwrite=all"))
    assert not (tmp_path / "etc").exists()


def test_values_of_another_release_are_read_and_rubbish_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kefu-values.json").write_text('{"ami_port": 5999, "gone_since": 1}')
    known = known_values(tmp_path)
    assert known is not None
    assert known.ami_port == 5999
    (tmp_path / "kefu-values.json").write_text("[1, 2")
    with pytest.raises(CannotRender, match=r"kefu-values.json is not what an earlier rendering left .*: remove it"):
        known_values(tmp_path)
