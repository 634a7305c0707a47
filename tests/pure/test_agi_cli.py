"""`kefu ivr` and `kefu prompts` as an operator meets them, and the classic script as Asterisk does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from forged_caller import AgiPeer, environment

from agi import shipped
from crm.cli import main

KEFU = [sys.executable, "-m", "crm.cli"]
QUIET = {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")} | {
    "KEFU_CONFIG": os.devnull
}


def kefu(*arguments: str, **more: str) -> Result:
    """A command in this process; settings of its own are in `more`."""
    return CliRunner(env=more).invoke(main, list(arguments))


def process(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command as the shell starts it: it may do to its process what it wants."""
    return subprocess.run(
        [*KEFU, *arguments], capture_output=True, text=True, timeout=60, check=False, env={**QUIET, **more}
    )


def test_the_installed_menus_and_prompts_are_without_fault(tmp_path: Path) -> None:
    data = {"KEFU_DATA_FOLDER": str(tmp_path)}
    for command in (["ivr", "check"], ["prompts", "check"]):
        done = process(*command, **data)
        assert (done.returncode, done.stdout) == (0, ""), done.stdout
        assert "without fault" in done.stderr
        assert json.loads(kefu(*command, "--json", **data).stdout) == []


def test_a_faulty_menu_is_told_by_file_line_and_code(tmp_path: Path) -> None:
    menu = tmp_path / "mine.yaml"
    menu.write_text("start: main\nstart: other\n")
    done = kefu("ivr", "check", str(menu))
    assert done.exit_code == 1
    assert f'{menu}:2 E_TWICE: "start" stands twice here: keep one' in done.stdout
    rows = json.loads(kefu("ivr", "check", str(menu), "--json").stdout)
    assert {"file", "line", "code", "sentence"} == set(rows[0])


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_menu_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    menu = tmp_path / "mine.yaml"
    if content is not None:
        menu.write_bytes(content)
    done = kefu("ivr", "check", str(menu))
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert str(menu) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_rehearsal_says_what_the_caller_hears() -> None:
    done = kefu("ivr", "simulate", "--keys", "1", "--from", "+8613800138000", "--lang", "zh")
    assert done.exit_code == 0
    assert "您的订单，编号A一零二四已经发货。预计送达日期二零二六年三月五日" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["ends", "goodbye,", "served"]
    lines = json.loads(kefu("ivr", "simulate", "--keys", "12", "--json").stdout)
    assert (lines[-1]["what"], lines[-1]["text"]) == ("ends", "queue support")


def test_a_rehearsal_refuses_what_is_no_key() -> None:
    done = kefu("ivr", "simulate", "--keys", "1x")
    assert done.exit_code == 2
    assert "'x' is no telephone key" in done.stderr


def test_the_script_for_the_studio_has_every_prompt_in_each_language() -> None:
    rows = json.loads(kefu("prompts", "script", "--json").stdout)
    english = {row["file"].removeprefix("en/") for row in rows if row["file"].startswith("en/")}
    chinese = {row["file"].removeprefix("zh/") for row in rows if row["file"].startswith("zh/")}
    assert english == chinese
    assert "zh/welcome.wav\t您好，欢迎致电客户服务中心。" in kefu("prompts", "script", "--language", "zh").stdout


@pytest.fixture(params=["few", pytest.param("all", marks=pytest.mark.proof)])
def how_many(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many sounds the installed prompts are: those of three sentences, or as many as callers meet."""
    if request.param == "few":
        texts = shipped.load_prompts()[0]
        few = tmp_path / "prompts.yaml"
        few.write_text(json.dumps({key: texts[key] for key in ("welcome", "closed", "digit-1")}), "utf-8")
        monkeypatch.setattr(shipped, "prompts_file", lambda: few)
    return sum(len(by_language) for by_language in shipped.load_prompts()[0].values())


def test_prompts_are_built_once_and_missing_ones_found(tmp_path: Path, how_many: int) -> None:
    spoken = tmp_path / "spoken"
    first = json.loads(kefu("prompts", "build", "--to", str(spoken), "--json").stdout)
    assert len(first["made"]) == how_many
    again = json.loads(kefu("prompts", "build", "--to", str(spoken), "--json").stdout)
    assert (again["made"], again["unchanged"]) == ([], how_many)
    assert "E_SOUND" not in kefu("prompts", "check", "--in", str(spoken)).stdout
    (spoken / "zh" / "welcome.wav").unlink()
    done = kefu("prompts", "check", "--in", str(spoken))
    assert done.exit_code == 1
    assert [line for line in done.stdout.splitlines() if "E_SOUND: zh/welcome.wav is missing" in line]


def test_prompts_that_cannot_be_written_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = kefu("prompts", "build", "--to", str(tmp_path / "file"))
    assert done.exit_code == 1
    assert "cannot write prompts into" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "no database: set database_url"),
        ({"KEFU_OPENING_HOURS": "mo-fr 9-18"}, "write"),
        ({"KEFU_FASTAGI_HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
        ({"KEFU_FASTAGI_PORT": "0x"}, "KEFU_FASTAGI_PORT"),
    ],
)
def test_the_server_refuses_wrong_settings_in_one_sentence(settings: dict[str, str], says: str) -> None:
    address = {} if not settings else {"KEFU_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = process("ivr", "serve", **address, **settings)
    assert done.returncode in (1, 2)
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


async def test_the_server_answers_with_the_database_away_and_ends_when_told() -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    server = await asyncio.create_subprocess_exec(
        *KEFU,
        "ivr",
        "serve",
        "--port",
        str(free_port()),
        env={**QUIET, "KEFU_DATABASE_URL": url},
        stderr=subprocess.PIPE,
    )
    assert server.stderr is not None
    told = []
    async with asyncio.timeout(30):
        while not told or told[-1]["event"] != "answering":
            told.append(json.loads(await server.stderr.readline()))
    assert [line["level"] for line in told] == ["warning", "info"]
    peer = await AgiPeer("12").call(int(told[-1]["address"].rpartition(":")[2]))
    assert peer.last["QUEUE"] == "support"
    server.send_signal(signal.SIGTERM)
    async with asyncio.timeout(15):
        rest = (await server.stderr.read()).decode()
        assert await server.wait() == 0
    assert "visit" in rest


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


async def classic(peer: AgiPeer, env: bytes, **more: str) -> tuple[int, str]:
    """One call through the classic executable, as Asterisk runs it: pipes, and nothing else."""
    script = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agi.scripts.front_desk",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**QUIET, **more},
    )
    assert script.stdin is not None
    assert script.stdout is not None
    assert script.stderr is not None
    script.stdin.write(env)
    while line := (await script.stdout.readline()).decode():
        if len(peer.commands) == peer.hang_up_after:
            script.stdin.close()
            break
        peer.commands.append(line)
        script.stdin.write(peer.answer(line))
    said = (await script.stderr.read()).decode()
    return await script.wait(), said


def test_the_classic_script_loads_no_database() -> None:
    """A process a call: what it loads, each caller waits for."""
    script = "import sys, agi.scripts.front_desk; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in ("sqlalchemy", "psycopg", "pydantic") if name in loaded] == []


async def test_the_classic_script_serves_the_same_menu_without_a_server() -> None:
    peer = AgiPeer("12")
    assert await classic(peer, environment(calleridname="李 \udce9")) == (0, "")
    assert (peer.last["NEXT_STEP"], peer.last["QUEUE"]) == ("queue", "support")


async def test_the_classic_script_knows_the_opening_hours() -> None:
    peer = AgiPeer("1")
    await classic(peer, environment(), KEFU_OPENING_HOURS="mon-sun 00:00-00:01", KEFU_TIMEZONE="Asia/Shanghai")
    assert peer.played[-1] == "kefu/closed"
    assert peer.last["NEXT_STEP"] == "voicemail"


@pytest.mark.parametrize("env", [b"", b"GET / HTTP/1.1\n\n", b"agi_x: y\n" * 3000])
async def test_the_classic_script_refuses_rubbish_in_one_line(env: bytes) -> None:
    script = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agi.scripts.front_desk", stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=QUIET
    )
    _out, said = await script.communicate(env)
    assert script.returncode == 1
    assert len(said.decode().splitlines()) == 1
    assert said.decode().startswith("kefu-front-desk: ")


async def test_the_classic_script_ends_when_the_caller_hangs_up() -> None:
    code, said = await classic(AgiPeer("1", hang_up_after=4), environment())
    assert (code, said) == (0, "")
