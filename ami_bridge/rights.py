"""Which classes of events Asterisk lets us hear. It never says so: a missing one shows only as silence.

Each event names its class in its second line. A class is missed when another one proves that there was something to
hear. Looked at by mirror.py until all needed classes were heard once. Pure: no clock, no socket.
"""

from __future__ import annotations

from .framing import Block

GRACE_S = 10.0
NEEDED = ("system", "call", "agent", "user")
_QUEUE_WAS_LEFT = b"\r\nUserEvent: QueueHangup\r\n"
_PRIVILEGE = b"\r\nPrivilege: "
_ABOUT_SEATS = b"Event: QueueMember"
"""Somebody sat down or paused: no call need be there."""
_ABOUT_CALLERS = (b"Event: Newchannel\r\n", b"Event: QueueCallerAbandon\r\n", b"Event: Hangup\r\n")


class Rights:
    """What one connection has heard so far."""

    def __init__(self, username: str, connected_at: float) -> None:
        self._username = username
        self._heard: set[str] = set()
        self._expected: dict[str, float] = {"system": connected_at}
        self._members: set[bytes] = set()
        self._from_outside: set[bytes] = set()
        self._gave_up = b""

    @property
    def complete(self) -> bool:
        """All classes were heard: no need to look further."""
        return self._heard.issuperset(NEEDED)

    def hear(self, blocks: list[Block], at: float) -> None:
        """Look at one read's blocks."""
        for block in blocks:
            if not isinstance(block, bytes):
                continue
            if block.startswith(b"Event: QueueMember\r\n"):
                self._members.add(_value(block, b"\r\nStateInterface: ") or b"?")
            klass = _value(block, _PRIVILEGE).partition(b",")[0].decode("ascii", "replace")
            self._heard.add(klass)
            if klass == "agent" and not block.startswith(_ABOUT_SEATS):
                self._expected.setdefault("call", at)
            if _QUEUE_WAS_LEFT in block or (klass == "call" and _value(block, b"\r\nDevice: ") in self._members):
                # Our dialplan saw a caller hang up in a queue, or a member's phone changed: the queue says so, too.
                self._expected.setdefault("agent", at)
            if "user" not in self._heard:
                self._look_for_our_word(block, at)

    def _look_for_our_word(self, block: bytes, at: float) -> None:
        """Of a caller from outside whose channel ends in one of our queues our dialplan tells before it is gone. Not so
        of a colleague who dialled the queue, nor of a caller whom somebody sent elsewhere; another dialplan never does:
        none of them proves anything."""
        if not block.startswith(_ABOUT_CALLERS):
            return
        channel, context = _value(block, b"\r\nUniqueid: "), _value(block, b"\r\nContext: ")
        if block.startswith(b"Event: Newchannel"):
            if context == b"from-trunk":
                self._from_outside.add(channel)
        elif block.startswith(b"Event: QueueCallerAbandon"):
            ours = context == b"queue-" + _value(block, b"\r\nQueue: ")
            self._gave_up = channel if ours and channel in self._from_outside else b""
        else:
            self._from_outside.discard(channel)
            if channel == self._gave_up and context.startswith(b"queue-"):
                self._expected.setdefault("user", at)

    def missing(self, now: float) -> str | None:
        """One sentence naming classes that are not heard though they should have been, or None."""
        expected = [klass for klass, since in self._expected.items() if now > since + GRACE_S]
        missed = [klass for klass in expected if klass not in self._heard]
        if not missed:
            return None
        return (
            f"Asterisk sends the AMI user {self._username!r} no events of class {', '.join(missed)}: "
            f"add it to read= of that user in manager.conf, then `manager reload`"
        )


def _value(block: bytes, mark: bytes) -> bytes:
    start = block.find(mark)
    if start < 0:
        return b""
    start += len(mark)
    end = block.find(b"\r\n", start)
    return block[start:] if end < 0 else block[start:end]
