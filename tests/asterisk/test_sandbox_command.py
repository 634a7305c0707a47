"""`kefu pbx sandbox` as a person uses it: start, ask, stop, and one sentence for each thing that cannot be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from crm.pbx.ami_probe import AmiProbe


def kefu(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crm.cli", "pbx", "sandbox", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)


def test_start_ask_stop(tmp_path: Path) -> None:
    started = kefu("start", "--folder", str(tmp_path), "--asterisk", "22", "--json")
    assert started.returncode == 0, started.stderr
    try:
        addresses = json.loads(started.stdout)
        values = json.loads(Path(addresses["values_file"]).read_text())
        assert values["reader_secret"] not in started.stdout
        with AmiProbe(int(addresses["ami"].rpartition(":")[2])) as probe:
            probe.login("kefu_reader", values["reader_secret"])
        asked = kefu("cli", "--folder", str(tmp_path), "core", "show", "version")
        assert asked.stdout.startswith(f"Asterisk {addresses['version']}")
        again = kefu("start", "--folder", str(tmp_path), "--asterisk", "22")
        assert (again.returncode, again.stdout) == (1, "")
        assert again.stderr.endswith(f"another sandbox runs in {tmp_path}: stop it or choose another folder\n")
    finally:
        stopped = kefu("stop", "--folder", str(tmp_path))
    assert (stopped.returncode, stopped.stderr) == (0, "stopped\n")
    gone = kefu("stop", "--folder", str(tmp_path))
    assert (gone.returncode, gone.stderr) == (1, f"Error: no sandbox runs in {tmp_path}\n")
    silent = kefu("cli", "--folder", str(tmp_path), "core show version")
    assert (silent.returncode, silent.stderr) == (1, f"Error: no Asterisk answers in {tmp_path}: start it first\n")


def test_run_ends_at_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "crm.cli", "pbx", "sandbox", "run", "--folder", str(tmp_path), "--asterisk", "22"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert any(line.startswith("values_file\t") for line in running.stdout)
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
    assert not (tmp_path / "run" / "asterisk.ctl").exists()


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    refused = kefu("build", "--asterisk", "11")
    assert (refused.returncode, refused.stderr) == (
        1,
        "Error: Asterisk 11 cannot be built here: choose one of 22, 16\n",
    )
