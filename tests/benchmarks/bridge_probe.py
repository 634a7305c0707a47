"""`kefu bridge run` with a watch in its hand: `python bridge_probe.py FILE`, settings in the environment.

Started by bridge_live.py. Wraps, in this process alone, what takes news in (Watch.take), what notes messages for a
batch (Pending.hear, seal), what commits it (Writer's one write) and what sends an action (Listener.post); writes what
it saw to FILE when the bridge ends. `Samples` reads it back.
"""

from __future__ import annotations

import re
import sys
import time
from functools import partialmethod
from pathlib import Path
from typing import Any

import msgspec

Sample = tuple[float, float, int]
"""Since when, until when (epoch seconds), and for how many messages."""

_STAMP = re.compile(rb"\r\nTimestamp: (\d+\.\d+)")
_INTERFACE = re.compile(rb"\r\nInterface: ([^\r\n]+)")


class Samples(msgspec.Struct):
    """All that was timed. `called`: AgentCalled to its commit; `paused`: AgentComplete to its QueuePause. `…_stamped`:
    the same from Asterisk's own time stamp; the others from the moment the bytes were read."""

    messages: list[Sample] = []
    called: list[Sample] = []
    called_stamped: list[Sample] = []
    paused: list[Sample] = []
    paused_stamped: list[Sample] = []

    @classmethod
    def read(cls, file: Path) -> Samples:
        return msgspec.json.decode(file.read_bytes(), type=cls)

    def between(self, began: float, ended: float) -> Samples:
        """Those that began then."""
        return Samples(
            *([each for each in getattr(self, name) if began <= each[0] <= ended] for name in self.__struct_fields__)
        )


def _stamp(block: bytes, otherwise: float) -> float:
    found = _STAMP.search(block)
    return float(found[1]) if found else otherwise


class Probe:
    """Between four functions of the bridge and whoever calls them."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._heard: list[tuple[float, int, list[float]]] = []
        self._sealed: dict[int, list[tuple[float, int, list[float]]]] = {}
        self._completed: dict[str, tuple[float, float]] = {}

    def take(self, take: Any, watch: Any, news: Any) -> None:
        """Watch.take: an AgentComplete among the news begins a span."""
        for block in getattr(news, "blocks", ()):
            if isinstance(block, bytes) and block.startswith(b"Event: AgentComplete\r"):
                interface = _INTERFACE.search(block)
                if interface is not None:
                    self._completed[interface[1].decode()] = news.at, _stamp(block, news.at)
        take(watch, news)

    def hear(self, hear: Any, pending: Any, blocks: Any, at: float) -> None:
        """Pending.hear: these messages go into the next batch."""
        blocks = list(blocks)
        called = [_stamp(block, at) for block in blocks if block.startswith(b"Event: AgentCalled\r")]
        self._heard.append((at, len(blocks), called))
        hear(pending, blocks, at)

    def seal(self, seal: Any, pending: Any) -> Any:
        """Pending.seal: the batch is closed."""
        batch = seal(pending)
        self._sealed[batch.number], self._heard = self._heard, []
        return batch

    async def write(self, write: Any, writer: Any, batch: Any) -> None:
        """Writer._write: the batch is committed when it returns."""
        await write(writer, batch)
        now, samples = time.time(), self._samples
        for at, messages, called in self._sealed.pop(batch.number, ()):
            samples.messages.append((at, now, messages))
            if called:
                samples.called.append((at, now, len(called)))
                samples.called_stamped += [(stamp, now, 1) for stamp in called]

    def post(self, post: Any, listener: Any, headers: Any) -> Any:
        """Listener.post: the bytes are in the socket when it returns."""
        answer = post(listener, headers)
        if headers["Action"] == "QueuePause" and headers.get("Reason") == "ACW":
            now = time.time()
            if (completed := self._completed.pop(headers["Interface"], None)) is not None:
                self._samples.paused.append((completed[0], now, 1))
                self._samples.paused_stamped.append((completed[1], now, 1))
        return answer


def watch_over(samples: Samples) -> None:
    """Put the probe around them."""
    from ami_bridge.batch import Pending
    from ami_bridge.listener import Listener
    from ami_bridge.watch import Watch
    from ami_bridge.write import Writer

    probe = Probe(samples)
    places = ((Watch, "take", "take"), (Pending, "hear", "hear"), (Pending, "seal", "seal"))
    for kind, name, own in (*places, (Writer, "_write", "write"), (Listener, "post", "post")):
        setattr(kind, name, partialmethod(_around, getattr(probe, own), getattr(kind, name)))


def _around(self: Any, own: Any, whole: Any, *arguments: Any) -> Any:
    return own(whole, self, *arguments)


def main() -> None:
    file, samples = Path(sys.argv[1]), Samples()
    watch_over(samples)
    from crm.cli import main as kefu

    try:
        kefu(["bridge", "run"])
    finally:
        file.write_bytes(msgspec.json.encode(samples))


if __name__ == "__main__":
    main()
