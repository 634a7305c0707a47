"""Where Asterisk's own files lie: as the settings say, else in the log folder that Asterisk itself names."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ami_bridge.listener import Listener
from ami_bridge.sending import AnswerLost, NotConnected
from crm.settings import Settings

from .filling import Files

_PATIENCE_S = 5.0
_HERE = ("127.0.0.1", "::1", "localhost")


class Places:
    """Asked before each reading: a restarted Asterisk may write elsewhere. One that is just away did not move."""

    def __init__(self, settings: Settings, reader: Listener) -> None:
        self._settings = settings
        self._reader = reader
        self._folder: Path | None = None

    async def find(self) -> Files:
        """The files, there or not. None for one that is not set while Asterisk runs on another machine."""
        queue_log, cel = self._settings.queue_log_file, self._settings.cel_file
        if queue_log is None or cel is None:
            self._folder = await self._log_folder() or self._folder
        if (folder := self._folder) is not None:
            queue_log = queue_log or folder / "queue_log"
            cel = cel or folder / "cel-custom" / "kefu.csv"
        return Files(queue_log, cel)

    async def _log_folder(self) -> Path | None:
        if self._settings.ami_host not in _HERE:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                answer = await self._reader.post({"Action": "Getvar", "Variable": "ASTLOGDIR"})
        except (NotConnected, AnswerLost, TimeoutError):
            return None
        folder = str(getattr(answer, "Value", "") or "")
        return Path(folder) if folder.startswith("/") else None
