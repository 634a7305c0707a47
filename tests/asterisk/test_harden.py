"""`kefu pbx harden`: every AMI action tried with both accounts on a real Asterisk, and what it prints loads there."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crm.cli import main
from crm.pbx import harden
from crm.pbx.ami_actions import ACTIONS
from crm.pbx.ami_probe import AmiProbe
from crm.pbx.render import SiteValues
from crm.pbx.sandbox import Sandbox


@pytest.fixture(scope="module", params=["22", "16"])
def asterisk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Both ends of the supported range: each has actions that the other lacks."""
    with Sandbox(tmp_path_factory.mktemp("pbx"), version=request.param, say=print) as running:
        yield running


def etc_of(sandbox: Sandbox) -> Path:
    return sandbox.folder / "etc"


def settings_of(sandbox: Sandbox) -> dict[str, str]:
    return {
        "KEFU_AMI_PORT": str(sandbox.ami_port),
        "KEFU_AMI_USERNAME": sandbox.reader.username,
        "KEFU_AMI_SECRET": sandbox.reader.secret,
        "KEFU_AMI_ACTOR_USERNAME": sandbox.actor.username,
        "KEFU_AMI_ACTOR_SECRET": sandbox.actor.secret,
    }


def probe(sandbox: Sandbox, *more: str) -> Result:
    return CliRunner().invoke(main, ["pbx", "harden", "--probe", *more], env=settings_of(sandbox))


@contextmanager
def rewritten(sandbox: Sandbox, pattern: str, replacement: str) -> Iterator[None]:
    """manager.conf of this Asterisk otherwise for the length of the block."""
    file = etc_of(sandbox) / "manager.conf"
    before = file.read_text()
    after, changed = re.subn(pattern, replacement, before, count=1, flags=re.MULTILINE)
    assert changed, pattern
    file.write_text(after)
    sandbox.cli("manager reload")
    try:
        yield
    finally:
        file.write_text(before)
        sandbox.cli("manager reload")


def test_each_account_may_exactly_what_its_work_needs(asterisk: Sandbox) -> None:
    ended = probe(asterisk, "--json")
    told = json.loads(ended.stdout)
    assert [each for each in told["tried"] if each["verdict"] != "as expected"] == []
    assert (ended.exit_code, told["differences"]) == (0, 0)
    assert len(told["tried"]) == 2 * len(ACTIONS) + len(harden.SHELLS)
    found = {(each["account"], each["action"]): each["found"] for each in told["tried"]}
    assert found["kefu_reader", "QueuePause"] == found["kefu_actor", "Command"] == "denied"
    assert found["kefu_actor", "Originate"] == found["kefu_reader", "CoreShowChannels"] == "allowed"
    assert found["kefu_actor", "Originate System"] == "denied"


def test_every_action_that_this_asterisk_has_is_known(asterisk: Sandbox) -> None:
    listed = re.findall(r"^\s+([A-Z]\w+)\s", asterisk.cli("manager show commands"), re.MULTILINE)
    assert set(listed) - {"Action"} <= {action.name for action in ACTIONS}


def test_trying_changes_nothing(asterisk: Sandbox) -> None:
    def state() -> list[str]:
        asked = ("queue show", "core show channels concise", "database show", "dialplan show kefu-no-such-thing")
        return [asterisk.cli(command) for command in asked]

    before, files = state(), sorted(etc_of(asterisk).iterdir())
    asterisk.cli("logger reload")
    lines = asterisk.queue_log_file.read_text().count("\n") if asterisk.queue_log_file.exists() else 0
    assert probe(asterisk).exit_code == 0
    assert state() == before
    assert sorted(etc_of(asterisk).iterdir()) == files
    assert asterisk.queue_log_file.read_text().count("\n") == lines


def test_a_right_too_many_is_named(asterisk: Sandbox) -> None:
    with rewritten(asterisk, r"^write = reporting$", "write = reporting,command"):
        ended = probe(asterisk)
    assert ended.exit_code == 1
    wrong = [line.split("\t")[:5] for line in ended.stdout.splitlines() if line.endswith("DIFFERS")]
    assert wrong == [["kefu_reader", "Command", "command", "denied", "allowed"]]
    assert ended.stderr.splitlines()[-1].endswith("1 otherwise than expected")


def test_a_right_too_few_is_named(asterisk: Sandbox) -> None:
    with rewritten(asterisk, r"^write = agent,call,originate,reporting$", "write = agent,call,reporting"):
        ended = probe(asterisk, "--json")
    wrong = [each for each in json.loads(ended.stdout)["tried"] if each["verdict"] == "DIFFERS"]
    assert [(each["action"], each["expected"], each["found"]) for each in wrong] == [("Originate", "allowed", "denied")]


def test_what_is_printed_loads_and_speaks_tls(asterisk: Sandbox, tmp_path: Path) -> None:
    """The printed manager.conf on this Asterisk: the reader gets in over TLS with the secret printed."""
    pem = etc_of(asterisk) / "ami.pem"
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    name = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make, *name], check=True, capture_output=True)
    pem.write_text(key.read_text() + certificate.read_text())
    pem.chmod(0o644)
    port = asterisk.spare_ports[-1]
    values = SiteValues(ami_port=asterisk.ami_port)
    text = harden.manager_conf(values, harden.Tls(str(pem), f"127.0.0.1:{port}"))
    file = etc_of(asterisk) / "manager.conf"
    before = file.read_text()
    file.write_text(text)
    asterisk.cli("module reload manager")
    try:
        trusted = ssl.create_default_context(cafile=str(certificate))
        plain = socket.create_connection(("127.0.0.1", port), timeout=5)
        with trusted.wrap_socket(plain, server_hostname="localhost") as secure:
            assert secure.recv(64).startswith(b"Asterisk Call Manager/")
            login = f"Action: Login\r\nUsername: kefu_reader\r\nSecret: {values.reader_secret}\r\n\r\n"
            secure.sendall(login.encode())
            assert b"Response: Success" in secure.recv(4096)
        with AmiProbe(asterisk.ami_port) as session:
            session.login("kefu_actor", values.actor_secret)
    finally:
        file.write_text(before)
        asterisk.cli("module reload manager")


def test_it_prints_new_secrets_each_time_and_never_opens_without_tls() -> None:
    first, second = (CliRunner().invoke(main, ["pbx", "harden"]) for _ in range(2))
    assert first.exit_code == 0
    assert first.stdout != second.stdout
    assert "write = reporting\n" in first.stdout
    assert "write = agent,call,originate,reporting\n" in first.stdout
    assert "bindaddr = 127.0.0.1" in first.stdout
    assert "tlsenable" not in first.stdout
    secret = re.search(r"^secret = (\S+)$", first.stdout, re.MULTILINE)
    assert secret is not None
    assert secret[1] not in first.stderr
    refused = CliRunner().invoke(main, ["pbx", "harden", "--permit", "10.0.0.0/8"])
    assert refused.exit_code == 2
    odd = CliRunner().invoke(main, ["pbx", "harden", "--tls-certificate", "a.pem", "--permit", "10.0.0.x"])
    assert (odd.exit_code, odd.stdout) == (1, "")
    assert "10.0.0.x" in odd.stderr


def test_an_asterisk_that_is_away_is_one_sentence() -> None:
    environment = {
        "KEFU_AMI_PORT": "1",
        "KEFU_AMI_SECRET": "x",
        "KEFU_AMI_ACTOR_USERNAME": "kefu_actor",
        "KEFU_AMI_ACTOR_SECRET": "x",
    }
    ended = CliRunner().invoke(main, ["pbx", "harden", "--probe"], env=environment)
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith("Error: nothing answers at 127.0.0.1:1")
