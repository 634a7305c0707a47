"""The cable to a real Postgres, to cut, to stall and to mend: a proxy between us and the server's own socket."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from sqlalchemy.engine import make_url


class Cable:
    """`async with Cable(database_url) as cable:`; use `cable.url`."""

    def __init__(self, database_url: str) -> None:
        self._server = make_url(database_url).set(drivername="postgresql")
        self._door: asyncio.Server | None = None
        self._port = 0
        self._flows: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.connections = 0

    @property
    def url(self) -> str:
        through = self._server.set(host="127.0.0.1", port=self._port, query={})
        return through.render_as_string(hide_password=False)

    async def cut(self) -> None:
        """Every connection falls, and new ones are refused."""
        if self._door is not None:
            self._door.close()
            self._door = None
        for writer in list(self._writers):
            writer.transport.abort()
        for flow in list(self._flows):
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    async def mend(self) -> None:
        """Connections are taken again, on the same port."""
        self._flowing.set()
        self._door = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._door.sockets[0].getsockname()[1]

    def stall(self) -> None:
        """Nothing falls, and nothing moves, until `flow`."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    async def __aenter__(self) -> Cable:
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        port = self._server.port or int(str(self._server.query.get("port", 5432)))
        folder = self._server.query.get("host")
        if folder is not None and str(folder).startswith("/"):
            far_reader, far_writer = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        else:
            far_reader, far_writer = await asyncio.open_connection(self._server.host, port)
        self._writers |= {writer, far_writer}
        if self._door is None:  # cut meanwhile
            await self.cut()
            return
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            flow = asyncio.ensure_future(self._pour(source, sink))
            self._flows.add(flow)
            flow.add_done_callback(self._flows.discard)

    async def _pour(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await source.read(65536):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
        self._writers.discard(sink)
