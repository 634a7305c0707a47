"""Writing down what Asterisk sends, for replays, tests and fault reports. Called by cli.py and the trace maker.

The file begins with the banner and holds whole messages; unless told otherwise numbers and names are others' in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import IO

from crm.cancelling import cancelled
from crm.refusals import Refusal
from crm.settings import Settings

from .actions import look
from .bridge import listener_of
from .framing import Framing
from .inbox import Connected, Inbox
from .scrubbing import Scrubber


async def record_stream(
    settings: Settings,
    file: Path,
    stopping: asyncio.Event,
    seconds: float | None,
    raw: bool,
    say: Callable[[str], None],
) -> int:
    """Record until `stopping`, or for so many seconds of it; return the bytes written."""
    try:
        stream = file.open("xb")
    except OSError as fault:
        raise Refusal(f"{file} cannot be written ({fault.strerror}): name a new file") from None
    with stream:
        return await _record(settings, stream, stopping, seconds, raw, say)


async def _record(
    settings: Settings,
    stream: IO[bytes],
    stopping: asyncio.Event,
    seconds: float | None,
    raw: bool,
    say: Callable[[str], None],
) -> int:
    scrubber = Scrubber()
    inbox = Inbox()

    def write(data: bytes) -> None:
        stream.write(data if raw else scrubber.scrub(data))

    listener = listener_of(settings, "ami", inbox, say, framing=lambda: Framing(frozenset()), tap=write)
    listening = asyncio.ensure_future(listener.run())
    looking = asyncio.ensure_future(_look_on_each_connection(listener.post, inbox))
    stopped = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((listening, looking, stopped), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
    finally:
        await cancelled(listening, looking, stopped)
        if not raw:
            stream.write(scrubber.rest())
    return stream.tell()


async def _look_on_each_connection(post: Callable[..., object], inbox: Inbox) -> None:
    """Seats and calls that are there already belong into the recording, too."""
    while True:
        if isinstance(await inbox.take(), Connected):
            for headers in look():
                post(headers)
