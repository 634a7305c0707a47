"""Real SIP phones for tests, played by SIPp: a caller from the trunk and an agent's seat.

`with SippSeat(sandbox, "1001", ring_s=1, talk_s=3): …` registers with the seat's secret, then answers calls until the
block ends. `with SippCaller(sandbox, "13800138000", keys=[(1.0, "2")]) as caller: caller.wait()` rings in from outside.
Scenarios of our own lie in sipp/; what SIPp disliked is in the error a failed call raises.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import re
import socket
import string
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from xml.sax.saxutils import quoteattr

from crm.pbx.sandbox import Sandbox

SCENARIOS = Path(__file__).parent / "sipp"
FIRST_MEDIA_PORT = 40_000
VOICE_S = 8.0  # how long sip-tester's own recording of a voice plays


class PhoneFailed(AssertionError):
    """SIPp saw something other than its scenario; the message holds what it logged."""


class Signal(NamedTuple):
    """One SIP message: epoch seconds, direction as the phone sees it, the transaction's method, its first line."""

    at: float
    sent: bool
    method: str
    first_line: str


class _Sipp(ABC):
    """One SIPp process on a port of its own, its files in a folder that goes with it."""

    def __init__(self, sandbox: Sandbox, port: int | None) -> None:
        self._sandbox = sandbox
        self.port = port or _free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="kefu-sipp-")
        self._process: subprocess.Popen[bytes] | None = None

    def _run(self, scenario: str, values: dict[str, str], *more: str) -> subprocess.Popen[bytes]:
        folder = Path(self._folder.name)
        text = string.Template((SCENARIOS / scenario).read_text(encoding="utf-8")).substitute(values)
        (folder / scenario).write_text(text, encoding="utf-8")
        media = _free_port(FIRST_MEDIA_PORT)
        command = [
            "sipp", f"127.0.0.1:{self._sandbox.sip_port}", "-sf", scenario, "-nostdin",
            "-i", "127.0.0.1", "-p", str(self.port), "-mi", "127.0.0.1", "-mp", str(media),
            "-cp", str(_free_port()),
            "-trace_err", "-error_file", "errors", "-trace_shortmsg", "-shortmessage_file", "messages", *more,
        ]  # fmt: skip
        with (folder / "screen").open("wb") as screen:
            return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen)

    def wire(self) -> list[Signal]:
        """What this phone sent and received so far, by SIPp's own clock: the truth that a ledger is held against."""
        path = Path(self._folder.name) / "messages"
        lines = path.read_text("utf-8", "replace").splitlines() if path.exists() else []
        rows = [line.split("\t") for line in lines if line.count("\t") >= 6]
        return [Signal(float(row[2]), row[3] == "S", row[5].split(" ")[-1], row[6]) for row in rows]

    def moment(self, first_line: str, *, of: str, sent: bool) -> float:
        """When the (only) message with this beginning, in a transaction of this method, was sent or received."""
        found = [s for s in self.wire() if s.first_line.startswith(first_line) and (s.method, s.sent) == (of, sent)]
        if len(found) != 1:
            raise PhoneFailed(f"{len(found)} times {first_line} of {of}, among {self.wire()}")
        return found[0].at

    def _complaints(self) -> str:
        folder = Path(self._folder.name)
        return "\n".join(
            path.read_text("utf-8", "replace")[-3000:]
            for name in ("errors", "screen")
            if (path := folder / name).exists()
        )

    def stop(self) -> None:
        """Put the phone away, whatever it is doing. Does nothing twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    @abstractmethod
    def start(self) -> Self:
        """Take the phone into use."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class SippCaller(_Sipp):
    """A caller from outside. `keys`: (seconds to wait first, keys to press) one after another, then a voice for
    about `says_s`, then `stay_s`."""

    def __init__(
        self,
        sandbox: Sandbox,
        number: str,
        *,
        dialled: str = "95000",
        name: str = "",
        keys: Sequence[tuple[float, str]] = (),
        says_s: float = 0.0,
        stay_s: float = 30.0,
        port: int | None = None,
    ) -> None:
        super().__init__(sandbox, port)
        display = f'"{name}" ' if name else ""
        self._values = {
            "dialled": dialled,
            "from": f"{display}<sip:{number}@[local_ip]:[local_port]>",
            "keys": "\n".join([*(_press(wait_s, pressed) for wait_s, pressed in keys), *_speak(says_s)]),
            "stay_ms": str(round(stay_s * 1000)),
        }

    def start(self) -> Self:
        """Dial. Returns at once."""
        self._process = self._run("caller.xml", self._values, "-m", "1")
        return self

    def wait(self, timeout_s: float = 60.0) -> None:
        """Return when the call is over. Raises PhoneFailed when it did not go as the scenario says."""
        assert self._process is not None, "the caller was not started"
        if code := self._process.wait(timeout_s):
            raise PhoneFailed(f"SIPp ended with {code}:\n{self._complaints()}")

    def refusal(self, timeout_s: float = 20.0) -> str:
        """The SIP status with which the call was refused. Raises PhoneFailed when it was not."""
        assert self._process is not None, "the caller was not started"
        self._process.wait(timeout_s)
        if found := re.search(r"SIP/2\.0 ([4-6]\d\d)", self._complaints()):
            return found.group(1)
        raise PhoneFailed(f"the call was not refused:\n{self._complaints()}")

    async def wait_async(self, timeout_s: float = 60.0) -> None:
        """`wait` without holding the event loop."""
        await asyncio.to_thread(self.wait, timeout_s)


class SippSeat(_Sipp):
    """An agent's phone: registers, then rings `ring_s` and answers; hangs up after `talk_s` unless the far end does.

    `rejects` declines after `ring_s`. A large `ring_s` never answers. Serves any number of calls until stopped.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        seat: str,
        *,
        ring_s: float = 1.0,
        talk_s: float = 60.0,
        rejects: bool = False,
        port: int | None = None,
    ) -> None:
        super().__init__(sandbox, port)
        self.seat = seat
        self._scenario = "seat_rejects.xml" if rejects else "seat.xml"
        self._values = {
            "seat": seat,
            "ring_ms": str(round(ring_s * 1000)),
            "talk_ms": str(round(talk_s * 1000)),
        }

    @property
    def interface(self) -> str:
        """What a queue member of this seat is called."""
        return f"PJSIP/{self.seat}"

    def start(self) -> Self:
        """Register and listen. Returns when calls can come."""
        self._register(expires_s=3600)
        self._process = self._run(self._scenario, self._values)
        _wait_until_taken(self.port)
        return self

    def unregister(self) -> None:
        """As if the phone were unplugged properly; it no longer rings."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._register(expires_s=0)

    def _register(self, expires_s: int) -> None:
        secret = self._sandbox.seats[self.seat]
        values = {"seat": self.seat, "secret": secret, "expires_s": str(expires_s)}
        if code := self._run("register.xml", values, "-m", "1", "-timeout", "10").wait(15):
            raise PhoneFailed(f"seat {self.seat} could not register ({code}):\n{self._complaints()}")


class SippCustomer(_Sipp):
    """The phone of somebody outside whom the house calls: rings `ring_s`, answers, presses `keys` as SippCaller does,
    and hangs up after `talk_s` unless the far end does. `sip:NUMBER@127.0.0.1:port` reaches it."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        ring_s: float = 1.0,
        keys: Sequence[tuple[float, str]] = (),
        talk_s: float = 60.0,
        port: int | None = None,
    ) -> None:
        super().__init__(sandbox, port)
        self._values = {
            "seat": "customer",
            "ring_ms": str(round(ring_s * 1000)),
            "talk_ms": str(round(talk_s * 1000)),
            "keys": "\n".join(_press_as_offered(wait_s, pressed) for wait_s, pressed in keys),
        }

    def start(self) -> Self:
        """Listen. Returns when calls can come."""
        self._process = self._run("customer.xml", self._values)
        _wait_until_taken(self.port)
        return self


def _press(wait_s: float, keys: str) -> str:
    pause = f'  <pause milliseconds="{round(wait_s * 1000)}"/>'
    # SIPp plays the keys beside the scenario: 200 ms each with as long a pause, waited for here.
    play = f"  <nop><action><exec play_dtmf={quoteattr(keys)}/></action></nop>"
    return f'{pause}\n{play}\n  <pause milliseconds="{400 * len(keys)}"/>'


def _press_as_offered(wait_s: float, keys: str) -> str:
    """Keys by sip-tester's recordings, whose payload type 101 is the one that Asterisk offers; play_dtmf's is 96."""
    pause = f'  <pause milliseconds="{round(wait_s * 1000)}"/>'
    played = [
        f'  <nop><action><exec play_pcap_audio="/usr/share/sip-tester/dtmf_2833_{_KEY_NAMES.get(key, key)}.pcap"/>'
        '</action></nop>\n  <pause milliseconds="400"/>'
        for key in keys
    ]
    return "\n".join([pause, *played])


def _speak(says_s: float) -> list[str]:
    """Somebody's voice, as often as it takes."""
    play = '  <nop><action><exec play_pcap_audio="/usr/share/sip-tester/g711a.pcap"/></action></nop>'
    turns = max(0, math.ceil(says_s / VOICE_S))
    return [f'{play}\n  <pause milliseconds="{round(VOICE_S * 1000)}"/>'] * turns


_KEY_NAMES = {"#": "pound", "*": "star"}

# A phone binds its ports a moment after they are found free: no two phones of a process are given the same.
_numbers = itertools.count(time.monotonic_ns() // 1000 % 2000)


def _free_port(first: int = 34_000) -> int:
    """A port free for voice too: SIPp takes this one and the next few."""
    for port in (first + number % 2000 * 6 for number in itertools.islice(_numbers, 2000)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PhoneFailed("no free port for a phone")


def _wait_until_taken(port: int, timeout_s: float = 10.0) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.02)
    raise PhoneFailed(f"SIPp did not listen on port {port}")
