"""FastAGI on one asyncio loop: a connection is a call, a call is pyst2's synchronous AGI in a thread of its own
that is no thread (agi/call_thread.py).

Run by `kefu ivr serve`. So a flow's plain question to the CRM awaits the same async subjects as the web does, and a
time limit cancels its query. A peer that says nothing, sends rubbish or closes early is closed with one log line and
disturbs nobody. Shutdown lets calls finish, then writes what is unwritten.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from ipaddress import IPv4Network, IPv6Network, ip_address

import structlog
from msgspec import Struct

from crm import metrics
from crm.database import Database
from crm.hours import Openings
from crm.refusals import Refusal

from .call_socket import CallSocket
from .call_thread import CallThread
from .desk import CrmDesk, Site
from .doors import Doors
from .flows.call_back import call_back
from .patience import Patience
from .phone_line import NoAgiPeer, PhoneLine, read_environment
from .player import play_out
from .steps import CallerHungUp, Flow
from .visit_book import VisitBook, beginning, finished, learnt
from .visit_notes import VisitNotes

BEGIN_WITHIN_S = 5.0
# Longer than any prompt. Waiting for a key and recording have as much on top as they may take (CallSocket.grant).
ANSWER_WITHIN_S = 60.0
WRITE_WITHIN_S = 5.0
SWEEP_EVERY_S = 0.5
MOST_PEERS = 256
DOCTOR = "doctor"
_log = structlog.get_logger("agi.server")

FlowMaker = Callable[[], Flow]

OWN_FLOWS: Mapping[str, FlowMaker] = {"callback": call_back}
"""Flows that no menu says, by the names that the dialplan asks for."""


class CannotListen(Refusal):
    """The address is taken or not ours."""


class Deadlines(Struct, frozen=True):
    """How long a peer may say nothing, before its call is told and in answer to a command; and how long the last
    visits may take to be written at the end."""

    begin_within_s: float = BEGIN_WITHIN_S
    answer_within_s: float = ANSWER_WITHIN_S
    write_within_s: float = WRITE_WITHIN_S


class AgiServer:
    """All calls that are in a flow now."""

    def __init__(
        self,
        site: Site,
        database: Database,
        flows: Mapping[str, FlowMaker],
        deadlines: Deadlines | None = None,
        doors: Doors | None = None,
        allowed: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._site = site
        self._doors = doors or Doors(Openings(site.hours, {}))
        self._database = database
        self._flows = flows
        self._deadlines = deadlines or Deadlines()
        self._book = VisitBook(database)
        self._patience = Patience()
        self._may_call = lru_cache(MOST_PEERS)(partial(may_call, tuple(allowed)))  # a site has few: judged once each
        self._calls: set[CallSocket] = set()
        self._emptied = asyncio.Event()
        self._log = _log.bind()  # once: looking one up costs more than a step of a call
        self._counters: dict[tuple[str, str], metrics.Counter] = {}
        self._chores: list[asyncio.Task[None]] = []
        self._listener: asyncio.Server | None = None
        self.served = 0
        self.refused = 0

    @property
    def calls_now(self) -> int:
        """Connections that are open, told or not."""
        return len(self._calls)

    def facts(self) -> dict[str, object]:
        """For /healthz."""
        return {
            "calls": self.calls_now,
            "served": self.served,
            "refused": self.refused,
            "visits_unwritten": self.visits_unwritten,
            "visits_lost": self.visits_lost,
            "not_asked": self._patience.resting,
        }

    @property
    def visits_unwritten(self) -> int:
        """Visits that wait for the database."""
        return self._book.unwritten

    @property
    def visits_lost(self) -> int:
        """Visits given up for ever."""
        return self._book.lost

    async def listen(self, host: str, port: int) -> int:
        """Answer calls from now on; return the port (useful when asked for port 0)."""
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: CallSocket(self._connected, self._told, self._ended, self._deadlines.answer_within_s),
                host,
                port,
                backlog=1024,
            )
        except OSError as taken:
            raise CannotListen(
                f"cannot listen on {host}:{port} ({taken.strerror or taken}): "
                "stop what listens there, or change fastagi_host and fastagi_port"
            ) from None
        self._book.end_left(self._site.node)
        self._chores = [asyncio.create_task(self._book.write_on()), asyncio.create_task(self._sweep())]
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def drain(self, within_s: float) -> None:
        """Take no new call, let running ones finish, then close the rest (their callers go on by the dialplan)."""
        if self._listener is not None:
            self._listener.close()
        await self.quiet(within_s)
        left = list(self._calls)
        for socket in left:
            socket.refuse("Kefu is shutting down")
            if socket.thread is not None:
                socket.thread.give_up()
        await self.quiet(5.0)
        unwritten = await self._book.written(self._deadlines.write_within_s)
        if unwritten or left:
            _log.warning("drained", calls_closed=len(left), visits_unwritten=unwritten)
        for chore in self._chores:
            chore.cancel()
        # A write that Postgres does not answer cannot even be cancelled.
        if self._chores:
            await asyncio.wait(self._chores, timeout=2.0)

    async def quiet(self, within_s: float) -> bool:
        """Wait until no connection is open; whether it came to that in time."""
        self._emptied.clear()
        if self._calls:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._emptied.wait()
        return not self._calls

    def _connected(self, socket: CallSocket) -> None:
        socket.due_at = asyncio.get_running_loop().time() + self._deadlines.begin_within_s
        self._calls.add(socket)
        if not self._may_call(socket.peer):
            self._refused(socket, "it is not on the list of who may call (fastagi_allowed)")

    def _ended(self, socket: CallSocket) -> None:
        """The peer is gone. A call that is being played ends by itself, the next time it speaks or listens."""
        if not socket.told_its_call and not socket.counted:
            self._refused(socket, "it closed the connection before its call was told")
        if socket.thread is None:
            self._forget(socket)

    def _forget(self, socket: CallSocket) -> None:
        self._calls.discard(socket)
        if not self._calls:
            self._emptied.set()

    async def _sweep(self) -> None:
        """Close peers that owe us a line for too long: TCP alone would keep a dead one for hours."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            now = asyncio.get_running_loop().time()
            for socket in [socket for socket in self._calls if socket.due_at < now]:
                socket.refuse("it said nothing for too long")

    def _told(self, socket: CallSocket, lines: list[str]) -> None:
        """The environment is whole: this is a call, or somebody who speaks no AGI."""
        try:
            env = read_environment(lines)
            if env.get("agi_network_script") == DOCTOR:
                self._tell_doctor(socket)
            else:
                self._begin(socket, env)
        except NoAgiPeer as fault:
            self._refused(socket, str(fault))
        except Exception:  # noqa: BLE001 - one call's bug must not end the others
            _log.exception("call failed", peer=socket.peer)
            socket.refuse("our own fault")

    def _refused(self, socket: CallSocket, why: str) -> None:
        socket.counted = True
        self.refused += 1
        metrics.ivr().refused.inc()
        _log.warning("connection refused", peer=socket.peer, why=socket.fault or why)
        socket.refuse(why)

    def _tell_doctor(self, socket: CallSocket) -> None:
        """`kefu doctor` calls without a caller: one word of ours, and no visit."""
        socket.write(f'VERBOSE "Kefu, flows: {", ".join(sorted(self._flows))}" 3\n')
        socket.close()

    def _begin(self, socket: CallSocket, env: dict[str, str]) -> None:
        name = env.get("agi_network_script", "").partition("?")[0].strip("/")
        maker = OWN_FLOWS.get(name) or self._flows.get(name)
        if maker is None:
            raise NoAgiPeer(f"it asked for the flow {name[:60]!r}: there are {', '.join(sorted(self._flows))}")
        linkedid = env.get("agi_arg_1") or env["agi_uniqueid"]
        notes = VisitNotes(node=self._site.node, linkedid=linkedid, uniqueid=env["agi_uniqueid"], flow=name)
        desk = CrmDesk(self._site, self._database, self._book, env.get("agi_callerid", ""), patience=self._patience,
                       linkedid=linkedid)  # fmt: skip
        flow, line = maker(), PhoneLine(socket, env)
        self._book.enter(beginning(notes))
        socket.thread = CallThread(lambda: self._play(socket, flow, line, desk, notes))
        socket.thread.switch()

    def _play(self, socket: CallSocket, flow: Flow, line: PhoneLine, desk: CrmDesk, notes: VisitNotes) -> None:
        """One call, in its own thread; its visit is written from its first moment to its last, however it ends."""
        # A thread of its own has a context of its own: nothing to unbind.
        structlog.contextvars.bind_contextvars(conversation=notes.linkedid)
        try:
            play_out(flow, line, desk, notes, self._doors)
        except CallerHungUp:
            notes.close("hung_up", served=False)
        except NoAgiPeer as fault:
            self._refused(socket, str(fault))
        except asyncio.CancelledError:
            socket.fault = socket.fault or "given up"
        except Exception:  # noqa: BLE001 - one call's bug must not end the others
            _log.exception("call failed", peer=socket.peer)
        finally:
            # The caller goes on as soon as the connection closes; the visit is written behind.
            socket.close()
            self._note_end(socket, notes)
            socket.thread = None
            self._forget(socket)

    def _note_end(self, socket: CallSocket, notes: VisitNotes) -> None:
        if notes.ending is None:
            notes.close("failed", served=False)
        if not notes.learnt:
            self._book.enter(learnt(notes))
        self._book.enter(finished(notes))
        self.served += 1
        if notes.missing_prompts:
            metrics.ivr().prompts_missing.inc(notes.missing_prompts)
        self._counted(notes.flow, str(notes.ending)).inc()
        self._log.info(
            "visit",
            flow=notes.flow,
            ending=notes.ending,
            pressed=notes.pressed,
            last_prompt=notes.last_prompt,
            why=socket.fault,
        )

    def _counted(self, flow: str, ending: str) -> metrics.Counter:
        found = self._counters.get((flow, ending))
        if found is None:
            found = self._counters[flow, ending] = metrics.ivr().calls.labels(flow, ending)
        return found


def may_call(allowed: Sequence[IPv4Network | IPv6Network], peer: str) -> bool:
    """Whether calls are taken from this address: from this machine itself always."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or any(address in network for network in allowed)
