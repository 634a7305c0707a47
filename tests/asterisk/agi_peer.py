"""A FastAGI peer of a few lines, to behave well or badly towards the dialplan where the real server is not wanted.

`with agi_peer(sandbox.agi_port, flow): …` runs `flow(call)` in a thread for each call that Asterisk brings.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress


class AgiCall:
    """One session: its environment, and a way to send commands."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self._file = line.makefile("rw", encoding="utf-8", newline="\n")
        self.environment: dict[str, str] = {}
        while entry := self._file.readline().strip():
            key, _, value = entry.partition(": ")
            self.environment[key] = value

    def command(self, text: str) -> str:
        """Send one AGI command and return Asterisk's reply line."""
        self._file.write(text + "\n")
        self._file.flush()
        return self._file.readline().strip()

    def close(self) -> None:
        self._file.close()
        self.line.close()

    def set(self, name: str, value: str) -> None:
        self.command(f'SET VARIABLE {name} "{value}"')


@contextmanager
def agi_peer(port: int, flow: Callable[[AgiCall], None]) -> Iterator[list[AgiCall]]:
    """Listen on 127.0.0.1:port until the block ends; the list holds the calls that came."""
    calls: list[AgiCall] = []
    threads: list[threading.Thread] = []

    def serve(line: socket.socket) -> None:
        try:
            with closing(AgiCall(line)) as call:
                calls.append(call)
                flow(call)
        except OSError:
            pass  # the caller hung up, or the test is over

    def listen(door: socket.socket) -> None:
        while True:
            try:
                line, _ = door.accept()
            except OSError:
                return
            lines.append(line)
            threads.append(threading.Thread(target=serve, args=(line,)))
            threads[-1].start()

    lines: list[socket.socket] = []
    door = socket.create_server(("127.0.0.1", port))
    listener = threading.Thread(target=listen, args=(door,))
    listener.start()
    try:
        yield calls
    finally:
        door.shutdown(socket.SHUT_RDWR)
        door.close()
        listener.join()
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
