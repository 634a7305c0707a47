"""Ports that no other sandbox takes: one block a sandbox, held by a name that dies with its holder.

The name is an abstract Unix socket's: such names and ports belong to the same network, so that a sandbox in a chroot or
of another user is met, too. Blocks lie below the range from which the kernel hands out ports by itself, so no outgoing
connection takes one.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from crm.refusals import Refusal

FIRST_PORT, LAST_PORT, BLOCK_SIZE = 12_000, 32_000, 500
RTP_OFFSET = 20


class NoPorts(Refusal):
    """Every block is taken."""


@dataclass(frozen=True, slots=True)
class PortBlock:
    """The ports of one sandbox. `agi` is where its IVR server is expected, `spare` are for phones and web doors."""

    first: int
    lock: socket.socket

    @property
    def sip(self) -> int:
        return self.first

    @property
    def ami(self) -> int:
        return self.first + 1

    @property
    def http(self) -> int:
        return self.first + 2

    @property
    def agi(self) -> int:
        return self.first + 3

    @property
    def spare(self) -> range:
        return range(self.first + 4, self.first + RTP_OFFSET)

    @property
    def rtp(self) -> range:
        return range(self.first + RTP_OFFSET, self.first + BLOCK_SIZE)

    def release(self) -> None:
        self.lock.close()


def reserve() -> PortBlock:
    """The first block that is neither held nor in use; keep it until `release`, or until this process ends."""
    for first in range(FIRST_PORT, LAST_PORT, BLOCK_SIZE):
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0kefu-ports-{first}")
        except OSError:  # another sandbox's block
            lock.close()
            continue
        if all(_free(first + offset) for offset in range(4)):
            return PortBlock(first, lock)
        lock.close()
    raise NoPorts(f"no free block of {BLOCK_SIZE} ports between {FIRST_PORT} and {LAST_PORT}: stop another sandbox")


def _free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection may linger
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
