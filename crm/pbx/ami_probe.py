"""One AMI session held by hand: log in, ask, read until. For boot, checks and tests, never for the mirror.

Blocking and without supervision on purpose; the mirror's listener is ami_bridge's. Knows no other room.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from types import TracebackType

from crm.refusals import Refusal

Message = dict[str, str]
"""One AMI block. Keys that repeat are joined by a newline: no check of ours needs to tell them apart."""


class AmiRefused(Refusal):
    """Asterisk answered, and said no."""


class AmiProbe:
    """A session of one account. Raises OSError when the line is cut, TimeoutError when nothing comes in time."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", timeout_s: float = 5.0, tls: bool = False) -> None:
        self._socket: socket.socket = socket.create_connection((host, port), timeout=timeout_s)
        if tls:
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=host)
        self._timeout_s = timeout_s
        self._rest = b""
        self._ids = itertools.count(1)
        try:
            self.banner = self._line()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> AmiProbe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def login(self, username: str, secret: str) -> None:
        answer = self.ask({"Action": "Login", "Username": username, "Secret": secret})
        if answer.get("Response") != "Success":
            raise AmiRefused(f"AMI refused {username}: {answer.get('Message', 'no reason given')}")

    def send(self, headers: Mapping[str, str]) -> str:
        """Send one action and return its ActionID. Refuses control characters: they would start another action."""
        action_id = f"probe-{next(self._ids)}"
        lines = [f"{key}: {value}" for key, value in {**headers, "ActionID": action_id}.items()]
        if any(ord(letter) < 32 for line in lines for letter in line):
            raise ValueError("an AMI header may not hold control characters")
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return action_id

    def ask(self, headers: Mapping[str, str]) -> Message:
        """The response to one action; events that come before it are dropped."""
        action_id = self.send(headers)
        return self.read_until(lambda message: "Response" in message and message.get("ActionID") == action_id)

    def ask_list(self, headers: Mapping[str, str]) -> list[Message]:
        """The rows of a list action. Raises AmiRefused when Asterisk refuses it."""
        action_id = self.send(headers)
        rows: list[Message] = []
        for message in self.messages():
            if message.get("ActionID") != action_id:
                continue
            if message.get("Response") == "Error":
                raise AmiRefused(f"AMI refused {headers.get('Action')}: {message.get('Message')}")
            if message.get("EventList") == "Complete":
                return rows
            if "Event" in message:
                rows.append(message)
        return rows

    def read_until(self, wanted: object, *, timeout_s: float | None = None) -> Message:
        """The first message for which `wanted` (a function, or the name of an event) holds."""
        for message in self.messages(timeout_s):
            if wanted(message) if callable(wanted) else message.get("Event") == wanted:
                return message
        raise TimeoutError  # pragma: no cover - messages() raises it itself

    def messages(self, timeout_s: float | None = None) -> Iterator[Message]:
        """All messages as they come, until none came in time for the whole of `timeout_s`."""
        until = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        while True:
            message: Message = {}
            while line := self._line(until):
                key, _, value = line.partition(":")
                value = value.removeprefix(" ")
                message[key] = f"{message[key]}\n{value}" if key in message else value
            yield message

    def _line(self, until: float | None = None) -> str:
        while b"\r\n" not in self._rest:
            left_s = self._timeout_s if until is None else until - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("AMI sent nothing of what was awaited in time")
            self._socket.settimeout(left_s)
            received = self._socket.recv(65536)
            if not received:
                raise ConnectionResetError("Asterisk closed the AMI connection")
            self._rest += received
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line.decode("utf-8", "replace")
