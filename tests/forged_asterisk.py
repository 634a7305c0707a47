"""An AMI peer of our own on a real TCP socket, for what no Asterisk does on command: cut lines, forge bytes, freeze.

Everything that a healthy Asterisk shows is tested against a healthy Asterisk; this peer is for the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
Action = dict[str, str]
END_OF_LIST = {
    "QueueStatus": "QueueStatusComplete",
    "CoreShowChannels": "CoreShowChannelsComplete",
    "DeviceStateList": "DeviceStateListComplete",
}


def block(*lines: str) -> bytes:
    """One AMI message."""
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Session:
    """One connected client."""

    def __init__(self, peer: ForgedAsterisk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer = peer
        self.username = ""
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self._writer.write(data)

    def event(self, name: str, *lines: str, privilege: str = "call,all") -> None:
        """One event as Asterisk would write it."""
        self.send(block(f"Event: {name}", f"Privilege: {privilege}", *lines))

    def cut(self) -> None:
        """End the connection as a fallen cable does."""
        self._writer.transport.abort()

    def answer(self, action: Action, response: str = "Success", *lines: str) -> None:
        self.send(block(f"Response: {response}", f"ActionID: {action['ActionID']}", *lines))

    async def serve(self) -> None:
        self.send(self.peer.banner)
        try:
            while True:
                lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                action = dict(line.split(": ", 1) for line in lines if ": " in line)
                self.peer.lines += lines
                if not self.peer.frozen:
                    self._react(action)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.cut()

    def _react(self, action: Action) -> None:
        name = action["Action"]
        self.peer.actions.append(action)
        self.peer.heard(name).put_nowait((self, action))
        if name == "Login":
            self._log_in(action)
        elif name in self.peer.silent_about:
            return
        elif name in self.peer.refusals:
            self.answer(action, "Error", f"Message: {self.peer.refusals[name]}")
        elif name in END_OF_LIST:
            self.answer(action, "Success", "EventList: start", "Message: list will follow")
            for row in self.peer.rows.get(name, ()):
                self.send(block(row[0], f"ActionID: {action['ActionID']}", *row[1:]))
            self.send(block(f"Event: {END_OF_LIST[name]}", f"ActionID: {action['ActionID']}", "EventList: Complete"))
        else:
            self.answer(action, "Success", "Message: done")

    def _log_in(self, action: Action) -> None:
        if self.peer.shutting_down:
            self.answer(action, "Error", "Message: Asterisk is shutting down")
            self._writer.close()
            return
        if action["Secret"] != self.peer.secret:
            self.answer(action, "Error", "Message: Authentication failed")
            self._writer.close()
            return
        self.username = action["Username"]
        self.answer(action, "Success", "Message: Authentication accepted")
        if self.peer.booted:
            self.event("FullyBooted", "Status: Fully Booted", privilege="system,all")
        self.peer.sessions.put_nowait(self)


class ForgedAsterisk:
    """`async with ForgedAsterisk() as peer:`; then `await peer.session()` for each login."""

    def __init__(self) -> None:
        self.secret = "right"
        self.banner = BANNER
        self.booted = True
        self.frozen = False
        self.shutting_down = False
        self.port = 0
        self.actions: list[Action] = []
        self.lines: list[str] = []
        self.silent_about: set[str] = set()
        self.refusals: dict[str, str] = {}
        self.rows: dict[str, list[tuple[str, ...]]] = {}
        self.sessions: asyncio.Queue[Session] = asyncio.Queue()
        self._queues: dict[str, asyncio.Queue[tuple[Session, Action]]] = {}
        self._open: set[Session] = set()
        self._server: asyncio.Server | None = None

    def heard(self, name: str) -> asyncio.Queue[tuple[Session, Action]]:
        """Actions of one name, as they come."""
        return self._queues.setdefault(name, asyncio.Queue())

    async def action(self, name: str, deadline_s: float = 30.0) -> tuple[Session, Action]:
        """The next action of that name."""
        return await asyncio.wait_for(self.heard(name).get(), deadline_s)

    async def session(self, deadline_s: float = 30.0) -> Session:
        """The next client that logged in."""
        return await asyncio.wait_for(self.sessions.get(), deadline_s)

    async def close_door(self) -> None:
        """Stop listening and cut everyone; `open_door` listens on the same port again."""
        assert self._server is not None
        self._server.close()
        for session in list(self._open):
            session.cut()
        await asyncio.sleep(0)

    async def open_door(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> ForgedAsterisk:
        await self.open_door()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close_door()
        await until(lambda: not self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, reader, writer)
        self._open.add(session)
        try:
            await session.serve()
        finally:
            self._open.discard(session)
            writer.close()


async def until(condition: Callable[[], object], deadline_s: float = 30.0) -> None:
    """Return when `condition` holds; for what gives no event to await."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.002)
