"""The AMI connection: connect, log in, supervise, send. The only importer of panoramisk.

panoramisk builds actions and matches their answers; bytes go through our framing, and all that is no answer goes to the
inbox in wire order. Asterisk replays nothing, so a lost connection is found early (deadline on silence) and made
again; what it missed is healed by the snapshot that mirror.py asks for. An action is written once: when its answer is
lost it fails with AnswerLost, and whoever asked decides. This file knows no floor and no database.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from typing import Any, NoReturn

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager
from panoramisk.message import Message

from .backoff import Backoff
from .framing import Banner, Block, Framing
from .inbox import Connected, Heard, Inbox, Lost, News
from .sending import (
    Account,
    AnswerLost,
    Headers,
    LoginRefused,
    NotConnected,
    read_answer,
    refuse_unsendable,
    why_no_connection,
    why_no_login,
)

BACKOFF_AT_MOST_S = 10.0
CONNECT_DEADLINE_S = 5.0
LOGIN_DEADLINE_S = 5.0
_SHUTTING_DOWN = "shutting down"
Say = Callable[[str], None]

# panoramisk would print a whole action, the secret of a Login included, when a write fails.
_SILENT = logging.getLogger("ami_bridge.panoramisk")
_SILENT.disabled = True
_PONG = b"\r\nPing: Pong"
_LOG = logging.getLogger(__name__)


class _Away(Exception):
    """This attempt failed; the message says why, for a person."""


class _AnyAction:
    def __contains__(self, action: object) -> bool:
        return True


class _OneConnection(Manager):  # type: ignore[misc]  # panoramisk is untyped
    """panoramisk's manager for the life of one connection: it never reconnects, pings or sends again by itself."""

    def connection_made(self, connecting: asyncio.Task[Any]) -> None:
        if not connecting.cancelled() and connecting.exception() is None:
            super().connection_made(connecting)

    def login(self, future: asyncio.Future[Any]) -> None:
        """The listener awaits the login itself."""

    def ping(self) -> None:
        """The listener pings, with a deadline."""

    def connection_lost(self, exc: object) -> None:
        """The listener supervises."""


class AmiProtocol(AMIProtocol):  # type: ignore[misc]
    """panoramisk's protocol around our framing. Nothing that a peer sends makes a callback raise: asyncio would close
    the connection."""

    def __init__(self, listener: Listener, manager: Manager) -> None:
        super().__init__()
        self._listener = listener
        self._manager = manager
        self.closed = False
        self.responses: dict[str, Any] = {}

    def data_received(self, data: bytes) -> None:
        self._listener.hear(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
        self._listener.let_go(self._manager, str(exc) if exc else "Asterisk closed the connection")

    def close(self) -> None:
        """Fail what is unanswered; panoramisk would keep it and send it again after the next login."""
        actions, self.responses = list(self.responses.values()), {}
        for action in actions:
            if not action.future.done():
                action.future.set_exception(AnswerLost("the connection ended before the answer came"))
                action.future.exception()  # taken note of, also where nobody awaits it
        if not self.closed:
            self.closed = True
            self.transport.abort()


class Listener:
    """One supervised AMI connection. Without an inbox it only sends, and asks Asterisk for no events."""

    def __init__(
        self,
        account: Account,
        inbox: Inbox | None,
        framing: Callable[[], Framing],
        *,
        ping_s: float = 1.0,
        deadline_s: float = 5.0,
        say: Say = lambda sentence: None,
        tap: Callable[[bytes], None] | None = None,
    ) -> None:
        self.account = account
        self.framing = framing()
        self.heard_at = 0.0
        self.connected = False
        self.faults = 0
        self._inbox = inbox
        self._new_framing = framing
        self._ping_s = ping_s
        self._deadline_s = deadline_s
        self._say = say
        self._tap = tap
        self._said: str | None = None
        self._manager: Manager | None = None
        self._ended: asyncio.Future[str] | None = None
        self._paused = False
        self._last_byte = 0.0
        self.version: str | None = None  # of its AMI

    async def run(self) -> NoReturn:
        """Stay connected until cancelled. Raises LoginRefused, the one fault that waiting does not mend."""
        backoff = Backoff(0.125, BACKOFF_AT_MOST_S)
        while True:
            began = time.monotonic()
            try:
                why = await self._one_connection()
            except _Away as away:
                why = str(away)
            if time.monotonic() - began > BACKOFF_AT_MOST_S:
                backoff.forget()
            if why != self._said:
                self._said = why
                self._say(f"Asterisk at {self.account.where}: {why}; trying again")
            await backoff.wait()

    def post(self, headers: Headers) -> asyncio.Future[Any]:
        """Write one action now, without waiting. Raises NotConnected or Unsendable before a byte leaves."""
        refuse_unsendable(headers)
        if self._manager is None or not self.connected:
            raise NotConnected(f"no connection to Asterisk at {self.account.where} now: try again when it is back")
        # as_list=False: rows of a list must reach the floor in wire order, not wait in a future for the list's end.
        future: asyncio.Future[Any] = self._manager.send_action(dict(headers), as_list=False)
        return future

    def pause_reading(self) -> None:
        """Leave bytes in the socket; resume before Asterisk's writetimeout or it closes the connection."""
        if not self._paused and self._manager is not None and self.connected:
            self._paused = True
            self._manager.protocol.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on after `pause_reading`."""
        if self._paused:
            self._paused = False
            self._last_byte = time.monotonic()
            if self._manager is not None and self.connected:
                self._manager.protocol.transport.resume_reading()

    def hear(self, protocol: AmiProtocol, data: bytes) -> None:
        """Bytes arrived: answers go to who awaits them, all else to the inbox. Never raises."""
        try:
            self._last_byte = time.monotonic()
            self.heard_at = time.time()
            if self._tap is not None:
                self._tap(data)
            self._sort(protocol, self.framing.feed(data))
        except Exception:  # noqa: BLE001 - our bug must not close the connection
            self.faults += 1
            _LOG.exception("what Asterisk sent could not be taken in")

    def let_go(self, manager: Manager, why: str) -> None:
        """The transport ended."""
        if manager is not self._manager:
            return  # an earlier connection's last word
        if self.connected:
            self.connected = False
            self._put(Lost(time.time(), why))
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(why)

    # ---- one connection

    async def _one_connection(self) -> str:
        account = self.account
        self.framing = self._new_framing()
        self._ended = asyncio.get_running_loop().create_future()
        self._paused = False
        manager: Manager = _OneConnection(
            host=account.host,
            port=account.port,
            ssl=ssl.create_default_context() if account.tls else False,
            username=account.username,
            secret=account.secret,
            events="off" if self._inbox is None else "on",
            protocol_factory=lambda: AmiProtocol(self, manager),
            forgetable_actions=_AnyAction(),
            loop=asyncio.get_running_loop(),
            log=_SILENT,
        )
        self._manager = manager
        try:
            await self._connect(manager)
            await self._log_in(manager)
            self._said = None
            return await self._supervise(manager)
        finally:
            self.let_go(manager, "the bridge let go")
            manager.close()

    async def _connect(self, manager: Manager) -> None:
        try:
            async with asyncio.timeout(CONNECT_DEADLINE_S):
                await manager.connect()
        except OSError as fault:
            raise _Away(why_no_connection(fault)) from fault

    async def _log_in(self, manager: Manager) -> None:
        """Wait until `_sort` has seen the login's answer."""
        login = manager.authenticated_future
        assert login is not None
        try:
            async with asyncio.timeout(LOGIN_DEADLINE_S):
                answer = read_answer(await login)
        except TimeoutError:
            raise _Away("what listens there does not answer as Asterisk does: see ami_port (--ami-port)") from None
        except AnswerLost:
            allowed = "see ami_port (--ami-port), and deny/permit of the user in manager.conf"
            raise _Away(f"it closed the connection before the login: {allowed}") from None
        if _SHUTTING_DOWN in answer.message.lower():
            raise _Away("it is shutting down")  # no word about this user: the next Asterisk may take him
        if not answer.ok:
            raise LoginRefused(why_no_login(self.account, answer))

    async def _supervise(self, manager: Manager) -> str:
        """Until the connection ends; a silent peer is asked, and left when it stays silent."""
        assert self._ended is not None
        patience_s = self._ping_s + self._deadline_s
        while not self._ended.done():
            await asyncio.wait((self._ended,), timeout=self._ping_s / 2)
            silent_s = 0.0 if self._paused else time.monotonic() - self._last_byte
            if silent_s > patience_s:
                self.let_go(manager, f"it was silent for {patience_s:g} s, also when pinged")
            elif silent_s >= self._ping_s and self.connected:
                self.post({"Action": "Ping"})
        return self._ended.result()

    def _sort(self, protocol: AmiProtocol, blocks: list[Block]) -> None:
        news: list[Block] = []
        for block in blocks:
            if type(block) is bytes and block[:9] == b"Response:":
                self._answer(protocol, block)
                if _PONG in block:
                    continue
                if not self.connected and self._login_accepted():
                    # Marked here, between two blocks of one read, so that it precedes the first event of this login.
                    self.connected = True
                    news.clear()
                    self._put(Connected(self.heard_at, self.version))
                    continue
            elif type(block) is Banner:
                self.version = block.version
                continue
            news.append(block)
        if news and self.connected:
            self._put(Heard(self.heard_at, news, sum(len(block) for block in news if type(block) is bytes)))

    def _put(self, news: News) -> None:
        if self._inbox is not None:
            self._inbox.put_nowait(news)

    def _login_accepted(self) -> bool:
        login = self._manager.authenticated_future if self._manager is not None else None
        if login is None or not login.done():
            return False
        try:
            return read_answer(login.result()).ok
        except (AnswerLost, asyncio.CancelledError):
            return False

    def _answer(self, protocol: AmiProtocol, block: bytes) -> None:
        try:
            # Whole messages are decoded: a character that was cut by two reads is whole here.
            message = Message.from_line(block.decode("utf-8", "replace"))
            if message is not None and isinstance(message.action_id, str):
                protocol.handle_message(message)
        except Exception as fault:  # noqa: BLE001 - panoramisk fails in many ways on hostile answers
            self.faults += 1
            _LOG.warning("an answer of Asterisk could not be read: %s", fault)
