"""The command line's manners: quick help, one line for a refusal, exit codes, hostile names made harmless."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner

from crm.cli import HELP, main
from crm.cli.output import print_table
from crm.refusals import Refusal

HEAVY = ("sqlalchemy", "psycopg", "pydantic", "fastapi", "alembic", "rich", "msgspec", "structlog", "asyncio")


def test_help_lists_every_group_and_loads_none() -> None:
    script = "import sys; from crm.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    *help_lines, modules = told.strip().splitlines()
    assert all(any(line.split()[:1] == [name] for line in help_lines) for name in main.list_commands(None))  # type: ignore[arg-type]
    assert [name for name in HEAVY if name in modules.split()] == []


def test_every_group_has_its_line_of_help() -> None:
    assert [name for name in main.list_commands(None) if not HELP.get(name)] == []  # type: ignore[arg-type]


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["nonsense"]).exit_code == 2


def test_a_database_that_is_away_is_one_line_and_exit_code_1() -> None:
    address = "postgresql://kefu:very-secret@127.0.0.1:1/kefu"
    for command in (["agent", "list"], ["queue", "list"], ["conversation", "list"], ["db", "upgrade"]):
        ended = CliRunner().invoke(main, [*command, "--database-url", address])
        assert ended.exit_code == 1
        assert ended.stdout == ""
        assert ended.stderr.startswith("Error: Postgres at 127.0.0.1:1/kefu does not answer")
        assert ended.stderr.count("\n") == 1
        assert "very-secret" not in ended.stderr


def test_a_wrong_setting_is_one_line_and_exit_code_1() -> None:
    ended = CliRunner().invoke(main, ["queue", "list", "--database-url", "mysql://u:very-secret@x"])
    assert (ended.exit_code, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith("Error: --database-url: the value given cannot be used")


def test_a_refusal_of_several_lines_is_told_in_one(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def refuse(**_: object) -> None:
        raise Refusal("first\nsecond")

    monkeypatch.setattr("crm.settings.read_settings", refuse)
    assert CliRunner().invoke(main, ["queue", "list"]).stderr == "Error: first second\n"


def test_options_name_their_environment_variable() -> None:
    told = CliRunner().invoke(main, ["conversation", "list", "--help"]).stdout
    assert " ".join(told.split()).count("[env var:") == 9


def test_control_characters_of_a_caller_never_reach_a_terminal(capsys) -> None:  # type: ignore[no-untyped-def]
    print_table([{"name": "a\x1b[2Jb\r\nc\td"}], ["name"])
    assert capsys.readouterr().out == "name\na\ufffd[2Jb\ufffd\ufffdc\ufffdd\n"
