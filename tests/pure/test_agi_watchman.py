"""A menu server that stands still is ended; one that works, waits or ends by itself is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from agi.watchman import BEAT_S, SILENT_S, watch

BUSY = "import time\nuntil = time.monotonic() + 4.5\nwhile time.monotonic() < until: pass\nimport sys; sys.exit(7)"


class Watched:
    """A process, the beats it is said to give, and what the watch came to."""

    def __init__(self, code: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-S", "-c", code])
        heard, self.beats = os.pipe()
        self.came_to: list[str] = []
        self.thread = threading.Thread(target=lambda: self.came_to.append(watch(heard, self.process.pid)), daemon=True)
        self.thread.start()

    def over(self, within_s: float) -> str:
        self.thread.join(within_s)
        return self.came_to[0] if self.came_to else "watching"


@pytest.fixture
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    made = Watched(getattr(request, "param", "import time; time.sleep(60)"))
    yield made
    made.process.kill()
    made.process.wait()


def test_a_stopped_server_is_killed_in_three_seconds(watched: Watched) -> None:
    os.write(watched.beats, b".")
    watched.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    assert watched.over(within_s=SILENT_S + 4 * BEAT_S + 1) == "killed"
    assert watched.process.wait(5) == -signal.SIGKILL
    assert time.monotonic() - began >= SILENT_S


def test_a_server_that_beats_is_left_alone(watched: Watched) -> None:
    for _ in range(8):
        os.write(watched.beats, b".")
        assert watched.over(within_s=BEAT_S) == "watching"
    assert watched.process.poll() is None


@pytest.mark.parametrize("watched", [BUSY], indirect=True)
def test_a_server_that_is_busy_gets_more_time(watched: Watched) -> None:
    os.write(watched.beats, b".")
    assert watched.process.wait(15) == 7, "it came to its own end"


def test_the_watch_ends_with_the_server(watched: Watched) -> None:
    os.close(watched.beats)
    assert watched.over(within_s=2) == "ended"
