"""A private Asterisk comes and goes without a trace: no process, no mount, no port, whatever ends its parent."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crm.pbx.sandbox import Sandbox, SandboxFailed

OWNER = """
import signal, sys
from crm.pbx.sandbox import Sandbox
sandbox = Sandbox(sys.argv[1], version="22").start()
print(sandbox.ami_port, flush=True)
signal.pause()
"""


def processes_of(folder: Path) -> list[str]:
    """Command lines of all processes that name this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended while we looked
        if f"{folder}/" in command:
            found.append(command)
    return found


def mounts_of(folder: Path) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]


def becomes_true(condition: Callable[[], bool], within_s: float) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)  # /proc tells nobody when a process ends that is not our child
    return False


def test_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    with Sandbox(tmp_path, version="22") as sandbox:
        assert processes_of(tmp_path)
        assert mounts_of(tmp_path) == [], "mounts are seen inside the sandbox's own namespace alone"
        port = sandbox.ami_port
    assert processes_of(tmp_path) == []
    assert mounts_of(tmp_path) == []
    assert list((tmp_path / "root").iterdir()) == []
    with Sandbox(tmp_path, version="22") as again:
        assert again.ami_port == port, "the ports are free again"


def test_kill_9_of_the_parent_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline().strip().isdigit()
        assert processes_of(tmp_path)
        owner.send_signal(signal.SIGKILL)
    assert becomes_true(lambda: processes_of(tmp_path) == [], within_s=10)
    assert mounts_of(tmp_path) == []
    with Sandbox(tmp_path, version="22") as again:
        assert "FullyBooted" not in again.cli("core show uptime")


def test_two_sandboxes_run_side_by_side(sandbox: Sandbox, tmp_path: Path) -> None:
    with Sandbox(tmp_path, version="22") as other:
        ports = {sandbox.ami_port, sandbox.sip_port, other.ami_port, other.sip_port, sandbox.agi_port, other.agi_port}
        assert len(ports) == 6
        assert not set(sandbox.rtp_ports) & set(other.rtp_ports)
        other.cli("dialplan set global WHOSE other")
        assert "WHOSE" in other.cli("dialplan show globals")
        assert "WHOSE" not in sandbox.cli("dialplan show globals")
        assert sandbox.reader.secret != other.reader.secret


def test_a_folder_serves_one_sandbox_at_a_time(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFailed, match=r"another sandbox runs in .*: stop it or choose another folder"):
        Sandbox(sandbox.folder, version="22").start()
    assert sandbox.running


def test_a_crash_and_a_restart_keep_ports_and_secrets(tmp_path: Path) -> None:
    with Sandbox(tmp_path, version="22") as sandbox:
        before = (sandbox.ami_port, sandbox.sip_port, sandbox.reader)
        sandbox.restart(kill=True)
        assert (sandbox.ami_port, sandbox.sip_port, sandbox.reader) == before
        sandbox.restart()
        assert sandbox.running
        assert sandbox.messages_file.read_text().count("modules will be loaded") == 3


async def test_it_starts_and_stops_beside_a_running_event_loop(tmp_path: Path) -> None:
    async with Sandbox(tmp_path, version="22") as sandbox:
        assert sandbox.running
    assert processes_of(tmp_path) == []


def test_an_asterisk_that_cannot_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    broken = Sandbox(tmp_path, version="22", values={"pbx_spool": "require = no_such_thing.so"})
    with pytest.raises(SandboxFailed, match=r"Asterisk ended while starting: .*no_such_thing") as failed:
        broken.start()
    assert len(str(failed.value).splitlines()) == 1
    assert processes_of(tmp_path) == []
    assert not broken.running


def test_another_asterisk_on_our_port_is_not_taken_for_ours(sandbox: Sandbox, tmp_path: Path) -> None:
    taken = Sandbox(tmp_path, version="22", values={"ami_port": sandbox.ami_port})
    with pytest.raises(SandboxFailed, match=f"another Asterisk answers on port {sandbox.ami_port}"):
        taken.start()
    assert processes_of(tmp_path) == []


def test_a_folder_name_too_long_for_a_control_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxFailed, match="longer than 80 letters: choose a shorter folder"):
        Sandbox(tmp_path / ("x" * 90), version="22").start()
