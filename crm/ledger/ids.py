"""Ids of ledger rows, derived from what Asterisk says, so that a replay writes the same rows.

Called by the floor, and by whoever reconstructs a call from Asterisk's own files.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha1

_KEFU = bytes.fromhex("7b0a3d0e2f0b5d539d6f6b1f5f1f4b0c")


def conversation_id(node: str, linkedid: str) -> str:
    return _id(node, "conversation", linkedid)


def wait_id(node: str, caller_uniqueid: str, queue: str, entered_at: float) -> str:
    return _id(node, "wait", caller_uniqueid, queue, f"{entered_at:.6f}")


def offer_id(node: str, owner: str, seat: str, dest_uniqueid: str) -> str:
    """owner: the wait's id, or the conversation's for a ring outside queues."""
    return _id(node, "offer", owner, seat, dest_uniqueid)


def segment_id(node: str, conversation: str, seat: str, number: int) -> str:
    """number: the how-manieth talk of this seat in this conversation, from 0."""
    return _id(node, "segment", conversation, seat, str(number))


def transfer_id(node: str, conversation: str, transferer_uniqueid: str, at: float) -> str:
    return _id(node, "transfer", conversation, transferer_uniqueid, f"{at:.6f}")


def voicemail_id(node: str, caller_uniqueid: str) -> str:
    """One recording a channel: a second one of the same call takes its place."""
    return _id(node, "voicemail", caller_uniqueid)


@lru_cache(maxsize=1024)  # asked when the card is put, when the ring ends, and when the talk begins
def pop_id(offer: str) -> str:
    return _id("", "pop", offer)


def _id(*parts: str) -> str:
    """What `str(uuid.uuid5(namespace, name))` gives, in half the time: a call needs seven of them."""
    found = bytearray(sha1(_KEFU + "\0".join(parts).encode(), usedforsecurity=False).digest())
    found[6] = found[6] & 0x0F | 0x50
    found[8] = found[8] & 0x3F | 0x80
    text = found.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"
