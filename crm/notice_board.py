"""What desks and the wallboard show beside the floor: messages that wait, calls after hours, what is said of queues.

One statement, read at most once a second and shared by all who ask meanwhile. Called by pages; a message that nobody
took for three months is no longer counted here, and stays in its list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from crm.questions import Question, Where

KEPT_S = 1.0
HASTY_S = 30.0
COUNTED_DAYS = 92

_ASKED = """
SELECT (SELECT coalesce(json_agg(m), '[]') FROM (
          SELECT v.box, count(*) AS new, min(v.left_at) AS oldest_at
            FROM voicemail v LEFT JOIN voicemail_work w ON w.voicemail_id = v.id
           WHERE v.left_at > clock_timestamp() - make_interval(days => :days)
             AND coalesce(w.state, 'new') = 'new' AND coalesce(w.duration_s >= :short_s, true)
           GROUP BY v.box) AS m) AS messages,
       (SELECT coalesce(json_agg(json_build_array(agent_id, queue)), '[]') FROM agent_queue) AS serves,
       (SELECT count(DISTINCT (node, linkedid)) FROM visit
         WHERE started_at >= :midnight AND closed_why IS NOT NULL) AS after_hours,
       (SELECT coalesce(json_agg(n ORDER BY n.queue, n.kind), '[]') FROM (
          SELECT said.queue, kind, prompt, reason, since, until, said_by,
                 coalesce(queue.title_en, said.queue) AS title_en, coalesce(queue.title_zh, said.queue) AS title_zh
            FROM queue_notice said LEFT JOIN queue ON queue.name = said.queue
           WHERE ended_at IS NULL AND (until IS NULL OR until > clock_timestamp())) AS n) AS notices
"""


class Waiting(msgspec.Struct, frozen=True):
    """Messages of one box that nobody has taken."""

    box: str | None
    new: int
    oldest_at: datetime


class Said(msgspec.Struct, frozen=True):
    """What is said of a queue now ("" for all): `kind` closed or announcement."""

    queue: str
    kind: str
    prompt: str | None
    reason: str
    since: datetime
    until: datetime | None
    said_by: str
    title_en: str
    title_zh: str


class _Row(msgspec.Struct, frozen=True):
    """What the statement gives."""

    messages: list[Waiting]
    serves: list[tuple[UUID, str]]
    after_hours: int
    notices: list[Said]


_SEEN = Question(_ASKED, _Row)


class Beside(msgspec.Struct, frozen=True):
    """All of it as of one moment. `after_hours`: calls of today that were told that we are closed."""

    messages: list[Waiting]
    serves: dict[UUID, set[str]]
    after_hours: int
    notices: list[Said]

    @property
    def new_messages(self) -> int:
        """Messages that nobody has taken."""
        return sum(each.new for each in self.messages)

    @property
    def oldest_at(self) -> datetime | None:
        """When the one that waits longest was left."""
        return min((each.oldest_at for each in self.messages), default=None)

    def within(self, queues: Collection[str] | None) -> Beside:
        """What somebody sees who is bound to these queues; None: all of it."""
        if queues is None:
            return self
        messages = [each for each in self.messages if each.box is None or each.box in queues]
        return replace(self, messages=messages, notices=[said for said in self.notices if said.queue in ("", *queues)])

    def new_for(self, agent_id: UUID, *, everyone: bool, boxes: Collection[str] | None = None) -> int:
        """How many of them this agent may hear; `everyone`: a supervisor hears all, or all of the queues (`boxes`) that
        they are bound to."""
        mine: Collection[str] = self.serves.get(agent_id, set())
        if everyone and boxes is not None:
            mine = boxes
        all_boxes = everyone and boxes is None
        return sum(each.new for each in self.messages if all_boxes or each.box is None or each.box in mine)


class NoticeBoard:
    """What one process last saw."""

    def __init__(self, zone: ZoneInfo, *, short_s: float) -> None:
        self._zone = zone
        self._short_s = short_s
        self._turn = asyncio.Lock()
        self._kept: Beside | None = None
        self._read_at = 0.0
        self._hinted = False

    def changed(self) -> None:
        """A hint: look again at the next asking."""
        self._hinted = True

    async def look(self, where: Where, *, in_haste: bool = False) -> Beside:
        """As of a second ago at most, and since the last hint; `in_haste`: of half a minute ago at most. Read, where it
        is due, by the session of whoever asks, if they have one: nobody who holds a connection may wait here for a
        second one."""
        clock = asyncio.get_running_loop().time
        if in_haste and self._kept is not None and clock() - self._read_at < HASTY_S:
            return self._kept
        async with self._turn:
            if self._kept is None or self._hinted or clock() - self._read_at > KEPT_S:
                self._hinted = False
                self._kept = await self._read(where)
                self._read_at = clock()
            return self._kept

    async def _read(self, where: Where) -> Beside:
        midnight = datetime.combine(datetime.now(self._zone).date(), time(), tzinfo=self._zone)
        row = await _SEEN.one(where, days=COUNTED_DAYS, short_s=self._short_s, midnight=midnight)
        serves: dict[UUID, set[str]] = {}
        for agent_id, queue in row.serves:
            serves.setdefault(agent_id, set()).add(queue)
        return Beside(row.messages, serves, row.after_hours, row.notices)
