"""Records what a private Asterisk says over AMI while a scenario is played, byte for byte.

The reader account is the bridge's own, so the event filter is the real one; each trace begins and ends with a look
(actions.look) as the bridge asks for one, and has another every 2 s: what a bridge that attaches there would be shown.
Rows of lists carry no time, so a ping goes before each look: its answer tells Asterisk's clock. Used by
`python tests/traces/record.py`.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path
from types import TracebackType

from ami_bridge.actions import login, look, ping
from ami_bridge.sending import Headers
from crm.pbx.sandbox import Sandbox

SETTLED_S = 2.5
"""Longer than an ended conversation stays on the floor."""

LOOK_EVERY_S = 2.0


class Recorder:
    """`with Recorder(sandbox, file) as recorder: …` plays; the file is written at the end."""

    def __init__(self, sandbox: Sandbox, path: Path) -> None:
        self._path = path
        self._heard = bytearray()
        self._socket = socket.create_connection(("127.0.0.1", sandbox.ami_port), timeout=0.2)
        self._looks = 0
        self._one_look = threading.Lock()
        self._played, self._over = threading.Event(), threading.Event()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._looking = threading.Thread(target=self._look_again_and_again, daemon=True)
        self._account = sandbox.reader

    def __enter__(self) -> Recorder:
        self._listening.start()
        self._send(login(self._account.username, self._account.secret))
        self.until(rb"FullyBooted")
        self.look()
        self._looking.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._played.set()
        self._looking.join()
        time.sleep(SETTLED_S)
        self.look()
        self._over.set()
        self._listening.join()
        self._socket.close()
        if error is None:
            self._path.write_bytes(bytes(self._heard))

    def look(self) -> None:
        """Ask for all lists, and wait for the last of them."""
        with self._one_look:
            self._looks += 1
            self._send(ping())
            for headers in look():
                self._send({**headers, "ActionID": f"{headers['ActionID']}-{self._looks}"})
            self.until(rb"Event: DeviceStateListComplete", times=self._looks)

    def until(self, pattern: bytes, *, times: int = 1, timeout_s: float = 25.0) -> dict[str, str]:
        """The headers of the block that matched last, once so many have."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found = self._blocks(pattern)
            if len(found) >= times:
                lines = [line.partition(b": ") for line in found[-1].split(b"\r\n")]
                return {key.decode(): value.decode("utf-8", "replace") for key, _, value in lines}
            time.sleep(0.02)
        raise TimeoutError(f"no {pattern!r} within {timeout_s} s")

    def _blocks(self, pattern: bytes) -> list[bytes]:
        return [block for block in bytes(self._heard).split(b"\r\n\r\n") if re.search(pattern, block)]

    def _send(self, headers: Headers) -> None:
        self._socket.sendall(("".join(f"{key}: {value}\r\n" for key, value in headers.items()) + "\r\n").encode())

    def _look_again_and_again(self) -> None:
        while not self._played.wait(LOOK_EVERY_S):
            self.look()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                chunk = self._socket.recv(65536)
            except TimeoutError:
                continue
            if not chunk:
                return
            self._heard += chunk
