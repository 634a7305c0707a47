"""The cable between a bridge and Asterisk's manager, to cut and to mend."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType


class AmiCable:
    """`async with AmiCable(port) as cable:`; the bridge connects to `cable.port`."""

    def __init__(self, ami_port: int) -> None:
        self._far = ami_port
        self._door: asyncio.Server | None = None
        self._flows: set[asyncio.Task[None]] = set()
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def cut(self) -> None:
        """Every connection falls, and new ones are refused."""
        if self._door is not None:
            self._door.close()
            self._door = None
        for end in list(self._ends):
            end.transport.abort()
        for flow in list(self._flows):
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    async def mend(self) -> None:
        """Connections are taken again, on the same port."""
        self._door = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._door.sockets[0].getsockname()[1]

    async def __aenter__(self) -> AmiCable:
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._far)
        except OSError:
            writer.transport.abort()  # Asterisk is away: whoever calls hears of it at once
            return
        self._ends |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            flow = asyncio.ensure_future(self._pour(source, sink))
            self._flows.add(flow)
            flow.add_done_callback(self._flows.discard)

    async def _pour(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()
        self._ends.discard(sink)
