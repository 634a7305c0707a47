"""Whose silence counts: the frozen's, the blocked's and the endless loop's, not of who waits for a processor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crm.cli import patience as module
from crm.cli.patience import Patience

LOOPS = "while True: pass"
SLEEPS = "import time; time.sleep(60)"


@contextmanager
def _running(script: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", script]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def test_a_frozen_process_is_silent_by_the_clock() -> None:
    with _running(LOOPS) as pid:
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED)
        patience, began, waited_s = Patience(pid), time.monotonic(), module._spent(os.getpid())[1]
        time.sleep(0.3)
        silent_s = time.monotonic() - began - (module._spent(os.getpid())[1] - waited_s)  # our own waiting is no fault
        assert patience.silent_s() == pytest.approx(silent_s, abs=0.1)


def test_a_blocked_process_is_silent_by_the_clock() -> None:
    with _running(SLEEPS) as pid:
        time.sleep(0.5)  # it has come to its sleep
        patience, began = Patience(pid), time.monotonic()
        time.sleep(0.3)
        assert patience.silent_s() == pytest.approx(time.monotonic() - began, abs=0.1)


def test_one_that_waits_for_a_processor_is_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fourteen loops on one processor: each runs little and waits much, and none of it is its fault."""
    monkeypatch.setattr(module, "AT_MOST_S", 1.5)
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(own)})
    loops = [subprocess.Popen([sys.executable, "-c", LOOPS]) for _ in range(14)]
    os.sched_setaffinity(0, own)
    try:
        patience = Patience(loops[-1].pid)
        time.sleep(1.0)
        assert patience.silent_s() < 0.5
        time.sleep(1.0)
        assert patience.silent_s() > 1.5, "in the end it is given up all the same"
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def test_an_endless_loop_is_given_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ready to run all the time, and has the processor."""
    spent = {"ran": 10.0}
    monkeypatch.setattr(module, "_spent", lambda pid: (spent["ran"], 0.0))
    monkeypatch.setattr(module, "_is_ready_to_run", lambda pid: True)
    patience = Patience(1)
    time.sleep(0.2)
    assert patience.silent_s() == 0.0
    spent["ran"] += 0.2
    assert patience.silent_s() == pytest.approx(0.2, abs=0.1)


def test_a_process_that_is_gone_has_no_excuse() -> None:
    with _running(SLEEPS) as pid:
        pass
    patience = Patience(pid)
    time.sleep(0.1)
    assert patience.silent_s() >= 0.1
