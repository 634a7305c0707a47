"""Recorded streams: what Asterisk sent, byte for byte, from a file instead of a socket.

`replay` feeds a file to the same watch and writer as a live connection; nobody reacts to it, so no action leaves.
Used by cli.py, tests and benchmarks.
"""

from __future__ import annotations

import asyncio
import gc
import lzma
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from crm.cancelling import cancelled
from crm.database import Database, FenceLost
from crm.refusals import Refusal

from .batch import Pending
from .bridge import AnotherBridge, followed
from .lease import take_lease
from .scrubbing import Scrubber, scrub
from .watch import AHEAD_AT_MOST_S, Watch
from .write import Limits, Writer

_CHUNK = 256 * 1024
_SEALED_AT_MOST = 4
_STAMP = re.compile(rb"\r\nTimestamp: (\d{9,12}(?:\.\d{1,9})?)\r\n")
_SLICE = 4096

Say = Callable[[str], None]


class Unplayable(Refusal):
    """The file cannot be replayed."""


class Replayed(Struct, frozen=True):
    """What a replay did. `messages` counts all of the stream, also the skipped; `drift` corrections per 1000 events."""

    messages: int
    seconds: float
    messages_per_second: float
    drift: float
    unreadable: int


async def replay(
    file: Path,
    node: str,
    database: Database,
    *,
    speed: float | None = None,
    limits: Limits | None = None,
    say: Say,
) -> Replayed:
    """Play `file` (.ami or .ami.xz) into the ledger of `node`. speed: None as fast as possible, 1 as it was."""
    with _opened(file) as stream:
        lease = await take_lease(database, node, say=say)
        pending = Pending(node)
        watch = Watch(node, pending, latest=time.time() + AHEAD_AT_MOST_S)
        limits = limits or Limits()
        writer = Writer(database, lease, pending, limits, say=say)
        writer.only_full = speed is None
        writing = asyncio.ensure_future(writer.run())
        feeding = asyncio.ensure_future(_feed(stream, watch, writer, speed))
        began = time.perf_counter()
        try:
            with _rarely_collected():
                await asyncio.wait((writing, feeding), return_when=asyncio.FIRST_COMPLETED)
            seconds = time.perf_counter() - began
            if writing.done():
                writing.result()
            messages = feeding.result()
        except FenceLost:
            raise AnotherBridge(f"another bridge watches the node {node!r} now: the replay ends here") from None
        except (lzma.LZMAError, EOFError) as broken:
            raise Unplayable(f"{file} is no whole .xz file ({broken}): play a whole recording") from None
        finally:
            await cancelled(feeding, writing)
        await writer.close()
    drift = 1000 * watch.drift / watch.messages if watch.messages else 0.0
    return Replayed(messages, seconds, messages / seconds, round(drift, 3), watch.unreadable)


async def _feed(stream: IO[bytes], watch: Watch, writer: Writer, speed: float | None) -> int:
    frames = followed()
    async for chunk in _chunks(stream, speed):
        watch.take_recorded(frames.feed(chunk))
        writer.noted()
        await writer.wait_until_below(_SEALED_AT_MOST)
    watch.end_recorded()
    await writer.drained()
    return frames.messages


async def _chunks(stream: IO[bytes], speed: float | None) -> AsyncIterator[bytes]:
    """Pieces of the file: as fast as asked for, or paced by the time stamps in it."""
    if speed is None:
        while chunk := stream.read(_CHUNK):
            yield chunk
            await asyncio.sleep(0)
        return
    begun: tuple[float, float] | None = None
    while chunk := stream.read(_SLICE):
        stamp = _STAMP.search(chunk)
        if stamp is not None:
            at, now = float(stamp[1]), time.monotonic()
            begun = begun or (at, now)
            await asyncio.sleep(max(0.0, (at - begun[0]) / speed - (now - begun[1])))
        yield chunk


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    try:
        stream: IO[bytes] = lzma.open(file) if file.suffix == ".xz" else file.open("rb")  # noqa: SIM115 - closed below
    except OSError as fault:
        raise Unplayable(f"{file} cannot be read ({fault.strerror}): name a recorded .ami or .ami.xz file") from None
    try:
        yield stream
    finally:
        stream.close()


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Rows and facts live long and form few cycles: looking for garbage as often as usual costs a tenth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


__all__: list[Any] = ["Replayed", "Scrubber", "Unplayable", "replay", "scrub"]
