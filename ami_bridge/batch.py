"""What one transaction carries: dirty rows in their last state, one journal block, one hint.

watch.py notes what happened in `Pending`; `seal` turns it into a `Batch` of plain text and bytes without waiting for
anything, so that no row shows a later state than its journal block. write.py sends sealed batches in order.
Pure: no clock, no database.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from sys import getsizeof
from typing import Any

import msgspec
from msgspec import Struct

from crm.ledger.callbacks import ATTEMPT_FACTS, AttemptFacts
from crm.ledger.conversations import (
    CONVERSATIONS,
    OFFERS,
    SEGMENTS,
    TRANSFERS,
    WAITS,
    Conversation,
    Offer,
    Segment,
    Transfer,
    Wait,
)
from crm.ledger.journal import BLOCK, HINT
from crm.ledger.pops import POPS, Pop
from crm.ledger.postures import MEMBERSHIPS, POSTURE_STEPS, POSTURES, SIGHTS, Membership, Posture, PostureStep, Sight
from crm.ledger.requests import OWN_WISHES, SETTLEMENTS, OwnWish, Settlement
from crm.ledger.sight import (
    BLIND_WINDOWS,
    CORRECTIONS,
    FILE_OFFSETS,
    BlindWindow,
    Correction,
    FileOffset,
)
from crm.ledger.statement import Row, Statement, storable_text
from crm.ledger.voicemails import VOICEMAILS, Voicemail

from .events import encode
from .framing import Torn

# Parents before children; a settlement after the wish that it settles.
TABLES: Mapping[type[Row], Statement] = {
    Conversation: CONVERSATIONS,
    Wait: WAITS,
    Offer: OFFERS,
    Segment: SEGMENTS,
    Transfer: TRANSFERS,
    Voicemail: VOICEMAILS,
    AttemptFacts: ATTEMPT_FACTS,
    Posture: POSTURES,
    PostureStep: POSTURE_STEPS,
    Membership: MEMBERSHIPS,
    Pop: POPS,
    OwnWish: OWN_WISHES,
    Settlement: SETTLEMENTS,
    Sight: SIGHTS,
    BlindWindow: BLIND_WINDOWS,
    Correction: CORRECTIONS,
    FileOffset: FILE_OFFSETS,
}
# A row may be dirty as two objects (a seat that left and came back): one statement takes each key once.
_KEYS: Mapping[type[Row], tuple[str, ...]] = {
    Posture: ("seat",),
    PostureStep: ("seat", "at", "word"),
    Membership: ("queue", "seat"),
    Sight: ("name",),
    BlindWindow: ("from_at",),
    FileOffset: ("file",),
}
_WITH_SEAT = (Offer, Segment, Posture, Membership, Pop, OwnWish, Settlement)
_WITH_QUEUE = (Wait, Membership)
_LINKEDID = re.compile(rb"Linkedid: ([^\r\n]{1,150})")
_HINT_AT_MOST = 7_000
_BLANK_LINE = b"\r\n\r\n"

# zlib's usual tables are a quarter of a megabyte, whose making takes longer than packing what one event brought.
_SMALL = 16_384
_SMALL_TABLES = (13, 6)

Parameters = tuple[object, ...]


class Batch(Struct, frozen=True):
    """One sealed transaction, fence not yet told. `rows`: each statement with its JSON parameter, in order."""

    number: int
    messages: int
    rows: list[tuple[Statement, str]]
    journal: Parameters | None
    hint: str | None
    size: int

    def statements(self, node: str, fence: int) -> list[tuple[str, Parameters]]:
        """All but the fence check, in order."""
        found: list[tuple[str, Parameters]] = [(statement.sql, (rows,)) for statement, rows in self.rows]
        return found + self.tail(node, fence)

    def tail(self, node: str, fence: int) -> list[tuple[str, Parameters]]:
        """Journal block and hint, for a batch whose rows were written one conversation at a time."""
        found: list[tuple[str, Parameters]] = []
        if self.journal is not None:
            found.append((BLOCK, (node, fence, self.number, *self.journal)))
        if self.hint is not None:
            found.append((HINT, (self.hint,)))
        return found


def unreadable_block(why: str, block: bytes) -> bytes:
    """What nobody understands as the journal keeps it, the reason before it."""
    return b"Unreadable: " + encode(why) + b"\r\n" + block.replace(_BLANK_LINE, b"\r\n")


class Pending:
    """What happened since the last seal. Rows are the floor's own mutable facts: noted here, read at the seal."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._sealed = 0
        self._clear()

    def _clear(self) -> None:
        self.blocks: list[bytes] = []
        self.size = 0
        self.unreadable = 0
        self.urgent = False
        self._first_at = 0.0
        self._last_at = 0.0
        self._dirty: defaultdict[type[Row], dict[Row, None]] = defaultdict(dict)

    def __bool__(self) -> bool:
        return bool(self.blocks or self._dirty)

    @property
    def messages(self) -> int:
        return len(self.blocks)

    def hear(self, blocks: Iterable[bytes], at: float) -> None:
        """Blocks for the journal, heard at `at`."""
        if not self.blocks:
            self._first_at = at
        self._last_at = at
        before = len(self.blocks)
        self.blocks += blocks
        self.size += sum(map(len, self.blocks[before:]))

    def hear_torn(self, torn: Torn, at: float) -> None:
        """What could not be a message, as far as it was kept."""
        self.hear((unreadable_block(torn.reason, torn.head),), at)

    def touch(self, row: Row) -> None:
        """`row` was changed."""
        self._dirty[type(row)][row] = None

    def seal(self) -> Batch:
        """All of it as text and bytes; a new pending begins empty."""
        self._sealed += 1
        rows = [
            (statement, Statement.parameter(self._last_states(kind)))
            for kind, statement in TABLES.items()
            if kind in self._dirty
        ]
        journal = self._journal()
        # In memory: a single Chinese name doubles a text.
        size = sum(getsizeof(parameter) for _, parameter in rows) + (getsizeof(journal[-1]) if journal else 0)
        batch = Batch(self._sealed, self.messages, rows, journal, self._hint(), size)
        self._clear()
        return batch

    def _last_states(self, kind: type[Row]) -> list[Row]:
        rows: list[Any] = list(self._dirty[kind])
        names = _KEYS.get(kind)
        if names is None:
            by_key = {getattr(row, "id", row): row for row in rows}
        else:
            by_key = {tuple(getattr(row, name) for name in names): row for row in rows}
        return rows if len(by_key) == len(rows) else list(by_key.values())

    def _journal(self) -> tuple[float, float, int, int, list[str], bytes] | None:
        if not self.blocks:
            return None
        self.blocks.append(b"")  # a blank line after the last block, too
        raw = _BLANK_LINE.join(self.blocks)
        self.blocks.pop()
        linkedids = sorted({storable_text(found.decode("utf-8", "replace")) for found in set(_LINKEDID.findall(raw))})
        return self._first_at, self._last_at, self.messages, self.unreadable, linkedids, _packed(raw)

    def _hint(self) -> str | None:
        """Whom it concerns, ids only: Postgres refuses a longer payload than 8000 bytes."""
        of_sight = self._dirty.keys() <= {Sight, FileOffset}
        if not self._dirty or (of_sight and not self.urgent):
            return None  # a heartbeat is no news
        seats = {row.seat for kind in _WITH_SEAT for row in self._dirty.get(kind, ())}  # type: ignore[attr-defined]
        queues = {row.queue for kind in _WITH_QUEUE for row in self._dirty.get(kind, ())}  # type: ignore[attr-defined]
        told = {"node": self._node, "seats": sorted(seats), "queues": sorted(queues)}
        hint = msgspec.json.encode(told)
        if of_sight or len(hint) > _HINT_AT_MOST:
            hint = msgspec.json.encode({"node": self._node, "all": True})
        return storable_text(hint.decode())


def _packed(raw: bytes) -> bytes:
    """Level 1 halves the time of the default level for a block that is a sixth larger."""
    if len(raw) > _SMALL:
        return zlib.compress(raw, 1)
    packing = zlib.compressobj(1, zlib.DEFLATED, *_SMALL_TABLES)
    return packing.compress(raw) + packing.flush()
