"""How one row of the audit is bound to the one before: the same reckoning as the trigger's in the database.

Every part is written with its length before it, so no two rows can be written alike. Called by crm/audit.py. Pure.
"""

from __future__ import annotations

import hashlib

from msgspec import Struct

BEGINNING = bytes(32)
"""What the first row holds as the hash before it."""
ERASED = "(erased)"
"""What stands for the subject of a row whose words were taken out."""


class Link(Struct, frozen=True):
    """One row as it stands. `at_us`: microseconds since 1970 in UTC; `detail`: JSON as Postgres writes jsonb."""

    number: int
    at_us: int
    by: str
    did: str
    subject: str
    subject_id: str
    detail: str
    salt: bytes | None
    sealed: bytes
    previous: bytes
    hash: bytes


def sealed(salt: bytes, subject_id: str, detail: str) -> bytes:
    """The seal of what a row says; the salt keeps it from being guessed once the words are gone."""
    return hashlib.sha256(salt + _framed(subject_id, detail)).digest()


def hash_of(previous: bytes, number: int, at_us: int, by: str, did: str, subject: str, seal: bytes) -> bytes:
    """The hash that the next row will hold."""
    return hashlib.sha256(previous + seal + _framed(str(number), str(at_us), by, did, subject)).digest()


def fault_of(link: Link, number: int, previous: bytes) -> str | None:
    """What is wrong with a row that should be the `number`th and follow `previous`; None: nothing."""
    if link.number != number:
        return f"row {number} is missing"
    if link.previous != previous:
        return f"row {number} does not follow row {number - 1}"
    if link.salt is None and (link.subject_id, link.detail) != (ERASED, "{}"):
        return f"the words of row {number} were changed"
    if link.salt is not None and sealed(link.salt, link.subject_id, link.detail) != link.sealed:
        return f"the words of row {number} were changed"
    if hash_of(previous, number, link.at_us, link.by, link.did, link.subject, link.sealed) != link.hash:
        return f"row {number} was changed"
    return None


def _framed(*parts: str) -> bytes:
    return b"".join(b"%d:%b," % (len(raw), raw) for raw in (part.encode() for part in parts))
