"""Ids of ledger rows, derived from what Asterisk says, so that a replay writes the same rows.

Called by the floor, and by whoever reconstructs a call from Asterisk's own files.
"""

from __future__ import annotations

from uuid import UUID, uuid5

_KEFU = UUID("7b0a3d0e-2f0b-5d53-9d6f-6b1f5f1f4b0c")


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


def pop_id(offer: str) -> str:
    return _id("", "pop", offer)


def _id(*parts: str) -> str:
    return str(uuid5(_KEFU, "\0".join(parts)))
