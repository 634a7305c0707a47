"""A desk phone with several lines, for what SIPp's one-call scripts cannot do: hold, consult on the other line, REFER
with or without Replaces, INVITE with Replaces, 302, keys by INFO. It carries no voice, unless it is told to
speak: Asterisk hears a key that somebody else types for a phone only while that phone sends something.

`with DeskPhone(sandbox, "1001", ring_s=0.5) as phone: line = phone.rung(); …; line.hold()`. Used by scenarios.py.
"""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
import uuid
from queue import SimpleQueue
from urllib.parse import quote

from crm.pbx.sandbox import Sandbox

PATIENCE_S = 15.0


class Message:
    """One SIP message as it came."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.decode("utf-8", "replace").partition("\r\n\r\n")
        self.first, *self.lines = head.split("\r\n")

    def header(self, name: str) -> str:
        return next(
            (line.partition(": ")[2] for line in self.lines if line.lower().startswith(f"{name.lower()}: ")), ""
        )

    def copied(self, *names: str) -> list[str]:
        return [line for line in self.lines if line.partition(":")[0].lower() in {name.lower() for name in names}]

    @property
    def method(self) -> str:
        return self.header("CSeq").partition(" ")[2]


class Line:
    """One call of the phone, begun by either side."""

    def __init__(self, phone: DeskPhone, call_id: str, peer: str) -> None:
        self.phone, self.call_id, self.peer = phone, call_id, peer
        self.tag, self.peer_tag, self.target = uuid.uuid4().hex[:10], "", peer
        self.invite: Message | None = None
        self.number = 0
        self.early_tag = ""
        self.answers: SimpleQueue[Message] = SimpleQueue()
        self.up, self.over = threading.Event(), threading.Event()

    def answer(self) -> None:
        if not self.over.is_set() and not self.up.is_set() and self.invite is not None:
            self.phone.reply(self.invite, "200 OK", self, _voice("sendrecv"))
            self.up.set()
            if self.phone.speaks:
                threading.Thread(target=_speak, args=(self, self.invite.body), daemon=True).start()

    def reject(self) -> None:
        """The agent's own key: busy."""
        assert self.invite is not None
        self.over.set()
        self.phone.reply(self.invite, "486 Busy Here", self)

    def hold(self) -> None:
        self._invite_again("sendonly")

    def unhold(self) -> None:
        self._invite_again("sendrecv")

    def press(self, keys: str) -> None:
        for key in keys:
            self._ask("INFO", f"Signal={key}\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")

    def hand_over(self, to: str, consulted: Line | None = None) -> None:
        """REFER: blind to a number, or to whom another line talks with."""
        replaces = f"?Replaces={quote(consulted.replaces, safe='')}" if consulted is not None else ""
        self._ask(
            "REFER", "", f"Refer-To: <sip:{to}@{self.phone.server}{replaces}>", f"Referred-By: <{self.phone.uri}>"
        )

    def hang_up(self) -> None:
        if not self.over.is_set():
            self.over.set()
            self._ask("BYE")

    @property
    def replaces(self) -> str:
        """What a Replaces header says of this line, as Asterisk sees it."""
        return f"{self.call_id};to-tag={self.peer_tag or self.early_tag};from-tag={self.tag}"

    def wait_over(self, timeout_s: float = 30.0) -> None:
        if not self.over.wait(timeout_s):
            raise TimeoutError(f"the call of {self.phone.seat} was not ended")

    def _invite_again(self, way: str) -> None:
        self._ask("INVITE", _voice(way), "Content-Type: application/sdp")
        self.phone.send("ACK", self.target, self, self.number)

    def _ask(self, method: str, body: str = "", *headers: str) -> Message:
        self.number += 1
        self.phone.send(method, self.target, self, self.number, body, *headers)
        return self.final()

    def final(self) -> Message:
        while True:
            answer = self.answers.get(timeout=PATIENCE_S)
            if not answer.first.startswith("SIP/2.0 1"):
                return answer


class DeskPhone:
    """Registers, then answers each call after `ring_s` (None: never), or forwards it with 302. `far`: it stands behind
    the trunk, where nobody registers."""

    def __init__(
        self,
        sandbox: Sandbox,
        seat: str,
        *,
        ring_s: float | None = 0.5,
        forwards_to: str | None = None,
        far: bool = False,
        speaks: bool = False,
    ) -> None:
        self.sandbox, self.seat, self.ring_s, self.forwards_to = sandbox, seat, ring_s, forwards_to
        self.speaks = speaks
        self.server = f"127.0.0.1:{sandbox.sip_port}"
        self.uri = f"sip:{seat}@127.0.0.1"
        self._far = far
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self._lines: dict[str, Line] = {}
        self._rung: SimpleQueue[Line] = SimpleQueue()
        self._closed = threading.Event()
        self._listening = threading.Thread(target=self._listen, daemon=True)

    @property
    def interface(self) -> str:
        return f"PJSIP/{self.seat}"

    @property
    def contact(self) -> str:
        return f"<{self.address}>"

    @property
    def address(self) -> str:
        return f"sip:{self.seat}@127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> DeskPhone:
        self._listening.start()
        if self._far:
            return self
        self.register()
        return self

    def __exit__(self, *what: object) -> None:
        self._closed.set()
        self._listening.join()
        self._socket.close()

    def register(self, expires_s: int = 3600) -> None:
        """Say where it stands; with 0 seconds, that it stands nowhere any more."""
        self._proven("REGISTER", f"sip:{self.server}", self._line(self.uri), "", f"Expires: {expires_s}")

    def forget(self) -> None:
        """Calls that came and that nobody asked after."""
        while not self._rung.empty():
            self._rung.get()

    def rung(self) -> Line:
        """The next call that comes in."""
        return self._rung.get(timeout=PATIENCE_S)

    def dial(self, number: str, replaces: str = "") -> Line:
        """Returns while it rings; `up` is set when it is answered."""
        line = self._line(f"sip:{number}@{self.server}")
        more = [f"Replaces: {replaces}"] if replaces else []
        threading.Thread(target=self._dial, args=(line, more), daemon=True).start()
        return line

    def _dial(self, line: Line, more: list[str]) -> None:
        last = self._proven("INVITE", line.peer, line, _voice("sendrecv"), "Content-Type: application/sdp", *more)
        if last.first.startswith("SIP/2.0 2"):
            line.peer_tag, line.target = _tag(last.header("To")), _uri(last.header("Contact")) or line.peer
            line.up.set()
        else:
            line.over.set()
        self.send("ACK", line.target, line, line.number)

    def _line(self, peer: str) -> Line:
        line = Line(self, uuid.uuid4().hex, peer)
        self._lines[line.call_id] = line
        return line

    def _proven(self, method: str, uri: str, line: Line, body: str, *headers: str) -> Message:
        """Ask, be asked for the password, ask again."""
        line.number += 1
        self.send(method, uri, line, line.number, body, *headers)
        first = line.final()
        if not first.first.startswith("SIP/2.0 401"):
            return first
        if method == "INVITE":
            line.peer_tag = _tag(first.header("To"))
            self.send("ACK", uri, line, line.number)
            line.peer_tag = ""
        line.number += 1
        proof = self._proof(method, uri, first.header("WWW-Authenticate"))
        self.send(method, uri, line, line.number, body, *headers, proof)
        return line.final()

    def _proof(self, method: str, uri: str, challenge: str) -> str:
        asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        secret = _md5(f"{self.seat}:{asked['realm']}:{self.sandbox.seats[self.seat]}")
        answer = _md5(f"{secret}:{asked['nonce']}:00000001:kefu:auth:{_md5(f'{method}:{uri}')}")
        opaque = f', opaque="{asked["opaque"]}"' if "opaque" in asked else ""
        return (
            f'Authorization: Digest username="{self.seat}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", '
            f'uri="{uri}", response="{answer}", algorithm=MD5, qop=auth, nc=00000001, cnonce="kefu"{opaque}'
        )

    def send(self, method: str, uri: str, line: Line, number: int, body: str = "", *headers: str) -> None:
        to_tag = f";tag={line.peer_tag}" if line.peer_tag else ""
        self._out(
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._socket.getsockname()[1]};branch=z9hG4bK{uuid.uuid4().hex}",
            "Max-Forwards: 70",
            f"From: <{self.uri}>;tag={line.tag}",
            f"To: <{line.peer}>{to_tag}",
            f"Call-ID: {line.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: {self.contact}",
            *headers,
            body=body,
        )

    def reply(self, asked: Message, status: str, line: Line, body: str = "", *headers: str) -> None:
        to = asked.header("To")
        self._out(
            f"SIP/2.0 {status}",
            *asked.copied("Via", "From", "Call-ID", "CSeq", "Record-Route"),
            f"To: {to}" if ";tag=" in to else f"To: {to};tag={line.tag}",
            *(headers or [f"Contact: {self.contact}"]),
            *(["Content-Type: application/sdp"] if body else []),
            body=body,
        )

    def _out(self, *lines: str, body: str = "") -> None:
        text = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
        self._socket.sendto(text.encode(), ("127.0.0.1", self.sandbox.sip_port))

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                message = Message(self._socket.recv(65_536))
            except TimeoutError:
                continue
            line = self._lines.get(message.header("Call-ID"))
            if message.first.startswith("SIP/2.0 "):
                if line is not None:
                    if message.first.startswith("SIP/2.0 18"):
                        line.early_tag = _tag(message.header("To"))
                    line.answers.put(message)
            else:
                self._asked(message, line)

    def _asked(self, message: Message, line: Line | None) -> None:
        method = message.method
        if method == "INVITE" and line is None:
            self._rings(message)
        elif method == "ACK":
            return
        elif line is None:
            self.reply(message, "200 OK", Line(self, "", ""))
        elif method == "INVITE":
            self.reply(message, "200 OK" if line.up.is_set() else "180 Ringing", line, _voice("sendrecv"))
        else:
            self.reply(message, "200 OK", line)
            if method == "CANCEL" and line.invite is not None:
                self.reply(line.invite, "487 Request Terminated", line)
            if method in ("CANCEL", "BYE"):
                line.over.set()

    def _rings(self, message: Message) -> None:
        line = Line(self, message.header("Call-ID"), _uri(message.header("From")))
        line.peer_tag, line.target = _tag(message.header("From")), _uri(message.header("Contact"))
        line.invite = message
        self._lines[line.call_id] = line
        if self.forwards_to is not None:
            contact = f"Contact: <sip:{self.forwards_to}@{self.server}>"
            self.reply(message, "302 Moved Temporarily", line, "", contact)
            return
        self.reply(message, "180 Ringing", line)
        self._rung.put(line)
        if self.ring_s is not None:
            threading.Timer(self.ring_s, line.answer).start()


def _speak(line: Line, offer: str) -> None:
    """Silence, a packet each 20 ms, to where the offer says, for as long as the call lasts."""
    where = re.search(r"m=audio (\d+)", offer)
    if where is None:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice:
        number = 0
        while not line.over.wait(0.02):
            head = struct.pack("!BBHII", 0x80, 8, number % 65536, number * 160, 1)
            voice.sendto(head + b"\xd5" * 160, ("127.0.0.1", int(where[1])))
            number += 1


def _voice(way: str) -> str:
    return (
        "v=0\r\no=desk 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio 39998 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na={way}\r\n"
    )


def _tag(header: str) -> str:
    return header.partition(";tag=")[2].partition(";")[0]


def _uri(header: str) -> str:
    found = re.search(r"<([^>]+)>", header)
    return found.group(1) if found else header.partition(";")[0]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - what SIP's digest asks for
