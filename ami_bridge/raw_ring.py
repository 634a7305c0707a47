"""The raw ring: the last megabytes of what Asterisk said, message by message, on disk, numbers and names replaced.

What framing skips (VarSet, Newexten, …) is left out: scrubbing it would cost more than following the calls. The mirror
only hands over what it takes in; a task gives what has gathered to a thread, which scrubs and writes it in small
pieces, so that neither a slow disk nor the scrubbing holds the mirror. Files are whole messages, replayable, named by
the time of their beginning; the oldest goes when the ring is full. `kefu bridge tail` reads them (ring_reading.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NoReturn

from .framing import Torn
from .inbox import Connected, Heard, News
from .scrubbing import Scrubber

FLUSH_EVERY_S = 0.25
FILES = 8
SUFFIX = ".ami"
_BACKLOG_AT_MOST = 8 * 1024 * 1024
_PIECE = 16 * 1024
_BLANK_LINE = b"\r\n\r\n"
# Between two pieces the thread stands back: else it would hold the interpreter for as long as 5 ms.
_STAND_BACK_S = 0.0002
_AGAIN_S = 60.0

Say = Callable[[str], None]


def ring_folder(data_folder: Path, node: str) -> Path:
    """Where the ring of `node` lies."""
    return data_folder / "raw" / node


def ring_files(folder: Path) -> list[Path]:
    """The ring's files, the oldest first. Raises OSError for a folder that may not be read."""
    return sorted(file for file in folder.iterdir() if file.suffix == SUFFIX) if folder.exists() else []


class RawRing:
    """`hear` goes to the mirror; `run` is a task; `close` writes what is left."""

    def __init__(self, folder: Path, megabytes: int, *, say: Say) -> None:
        self._folder = folder
        self._bytes_at_most = megabytes * 1_000_000
        self._say = say
        self._scrubber = Scrubber()
        self._blocks: list[bytes] = []
        self._gathered = 0
        self._left_out = 0
        self._file: IO[bytes] | None = None
        self._file_bytes = 0
        self._tried_at = 0.0
        self._said: str | None = None

    def hear(self, news: News) -> None:
        """What came from Asterisk. Never waits; what the disk cannot take in time is left out, and said so."""
        if isinstance(news, Heard):
            if self._gathered < _BACKLOG_AT_MOST:
                whole = (block.head if isinstance(block, Torn) else block for block in news.blocks)
                self._blocks += [block for block in whole if isinstance(block, bytes)]
                self._gathered += news.size
            else:
                self._left_out += news.size
        elif isinstance(news, Connected):
            # The banner and the login's answer, by which a replay knows where another life of the stream begins.
            banner = f"Asterisk Call Manager/{news.version or '?'}\r\nResponse: Success\r\nMessage: Connected"
            self._blocks.append(banner.encode())

    async def run(self) -> NoReturn:
        """Write what gathers, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            if self._blocks:
                await asyncio.shield(asyncio.to_thread(self._flush, *self._take()))

    async def close(self) -> None:
        """Write what has gathered since, and let the file go. Call when `run` has ended."""
        await asyncio.to_thread(self._flush, *self._take())
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take(self) -> tuple[list[bytes], int]:
        blocks, self._blocks, self._gathered = self._blocks, [], 0
        left_out, self._left_out = self._left_out, 0
        return blocks, left_out

    # ---- in the thread

    def _flush(self, blocks: list[bytes], left_out: int) -> None:
        piece: list[bytes] = []
        size = 0
        for block in blocks:
            piece.append(block)
            size += len(block)
            if size >= _PIECE:
                self._write_piece(piece)
                piece, size = [], 0
                time.sleep(_STAND_BACK_S)
        if left_out:
            piece.append(b"Event: KefuLeftOut\r\nBytes: %d" % left_out)
        self._write_piece(piece)
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.flush()

    def _write_piece(self, piece: list[bytes]) -> None:
        if piece:
            whole = _BLANK_LINE.join(block.replace(_BLANK_LINE, b"\r\n") for block in piece) + _BLANK_LINE
            self._write(self._scrubber.scrub(whole))

    def _write(self, data: bytes) -> None:
        try:
            if self._file is None or self._file_bytes >= self._bytes_at_most // FILES:
                if not self._begin_file():
                    return
                assert self._file is not None
            self._file.write(data)
            self._file_bytes += len(data)
        except OSError as fault:
            self._give_up_for_now(fault)
        else:
            self._said = None

    def _begin_file(self) -> bool:
        if self._said is not None and time.monotonic() - self._tried_at < _AGAIN_S:
            return False
        if self._file is not None:
            self._file.close()
            self._file = None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        file = self._folder / f"{begun}{SUFFIX}"
        self._file, self._file_bytes = file.open("xb"), 0
        file.chmod(0o600)
        self._forget_oldest()
        return True

    def _forget_oldest(self) -> None:
        """The file that begins now may become as large as its share."""
        files = ring_files(self._folder)
        sizes = {file: file.stat().st_size for file in files}
        room = self._bytes_at_most - self._bytes_at_most // FILES
        for file in files[:-1]:
            if sum(sizes.values()) <= room:
                break
            del sizes[file]
            file.unlink(missing_ok=True)

    def _give_up_for_now(self, fault: OSError) -> None:
        """The bridge goes on without it; tried again after a while."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        self._tried_at = time.monotonic()
        reason = fault.strerror or str(fault)
        if reason != self._said:
            self._say(
                f"the raw ring cannot be written in {self._folder} ({reason}): give this account the folder, name "
                "another data_folder, or set raw_ring_megabytes = 0"
            )
        self._said = reason
