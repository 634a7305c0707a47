"""An agent's own state as the desk shows it: posture, wishes under way, sight of the node, queues, today's figures.

One statement, because the desk is fetched anew at every ring. Called by `desk_picture`; writes none.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from crm.questions import Asked, Question
from crm.rules.agent_state import Asked as Wish
from crm.rules.agent_state import Seen, Shown, agent_state

from .card import LIVE_CALLS, LiveCall

SIGHT_LOST_AFTER_S = 3
"""The bridge moves node.heard_at each second; three missed beats are no longer live."""


class _Row(msgspec.Struct, frozen=True):
    """What the statement gives."""

    now: datetime
    word: str | None
    since: datetime | None
    pause_reason: str | None
    next_reason: str | None
    lost_at: datetime | None
    heard_at: datetime | None
    live: bool
    wishes: list[Wish]
    refused: str | None
    queues: list[str]
    live_calls: list[LiveCall]
    calls: int
    talk_s: float


_OWN_STATE = Question(
    """
SELECT clock_timestamp() AS now,
       posture.word, posture.since, posture.pause_reason, posture.next_reason,
       node.lost_at, node.heard_at,
       coalesce(node.lost_at IS NULL AND node.heard_at > clock_timestamp() - make_interval(secs => :blind_s), false)
           AS live,
       (SELECT coalesce(json_agg(json_build_object('kind', kind, 'reason', reason) ORDER BY wanted_at),
                        '[]')
          FROM pbx_request WHERE node = me.node AND seat = me.seat
           AND state IN ('wanted', 'sent') AND expires_at > clock_timestamp()) AS wishes,
       (SELECT CASE WHEN state IN ('refused', 'expired') THEN coalesce(why, state) END
          FROM pbx_request WHERE node = me.node AND seat = me.seat
           AND kind IN ('pause', 'unpause', 'withdraw_pause', 'end_after_call_work')
           AND wanted_at > clock_timestamp() - interval '1 minute'
         ORDER BY wanted_at DESC LIMIT 1) AS refused,
       (SELECT coalesce(json_agg(coalesce(CASE WHEN :language = 'zh' THEN queue.title_zh ELSE queue.title_en END,
                                          membership.queue) ORDER BY membership.queue), '[]')
          FROM membership LEFT JOIN queue ON queue.name = membership.queue
         WHERE membership.node = me.node AND membership.seat = me.seat AND membership.left_at IS NULL
           AND membership.queue NOT LIKE 'seat-%') AS queues,
       (SELECT coalesce(json_agg(live_call), '[]') FROM ( /* live calls */ ) AS live_call) AS live_calls,
       today.calls, today.talk_s
  FROM (SELECT CAST(:node AS text) AS node, CAST(:seat AS text) AS seat) AS me
  LEFT JOIN posture USING (node, seat)
  LEFT JOIN node ON node.name = me.node
 CROSS JOIN LATERAL (
       SELECT count(*) AS calls,
              coalesce(sum(extract(epoch FROM coalesce(ended_at, clock_timestamp()) - started_at) - hold_s), 0)::float8
                  AS talk_s
         FROM segment
        WHERE node = me.node AND seat = me.seat AND agent_id = :agent_id AND started_at >= :midnight) AS today
""".replace("/* live calls */", LIVE_CALLS),
    _Row,
)


class Sight(msgspec.Struct, frozen=True):
    """Whether what we show is live; `since`: the last moment at which it was."""

    live: bool
    since: datetime | None


class Today(msgspec.Struct, frozen=True):
    """This agent's day at this seat so far."""

    calls: int
    talk_s: float


class OwnState(msgspec.Struct, frozen=True):
    """`signing_in`: the phone is not yet in its queues. `refused`: why the last wish was not carried out.
    `calls`: those whose cards belong on the screen, the oldest talk first."""

    now: datetime
    shown: Shown
    signing_in: bool
    refused: str | None
    queues: list[str]
    calls: list[LiveCall]
    sight: Sight
    today: Today

    @property
    def can_pause(self) -> bool:
        """A pause may be asked for in every state but an agent's own pause; it begins when the call is over."""
        return self.shown.word in ("ready", "ringing", "talking", "wrapping_up") and self.shown.next != "pause"

    @property
    def can_unpause(self) -> bool:
        """After-call work may also be ended without an outcome: nobody is kept in it by a call that has no card."""
        return self.shown.word in ("paused", "wrapping_up", "pausing")

    @property
    def can_withdraw(self) -> bool:
        """A pause that is to come after the call can be taken back until it has begun."""
        return self.shown.next == "pause" and self.shown.word != "paused"


def asked_of(*, node: str, seat: str, agent_id: UUID, language: str, midnight: datetime) -> Asked[_Row]:
    """The question after one agent at one seat. `midnight`: when the call center's day began."""
    me: dict[str, Any] = {"node": node, "seat": seat, "agent_id": agent_id, "language": language}
    return _OWN_STATE.with_(**me, midnight=midnight, blind_s=SIGHT_LOST_AFTER_S)


def state_of(row: _Row) -> OwnState:
    """What was answered."""
    seen = Seen(row.word, row.since, row.pause_reason, row.next_reason) if row.word and row.since else None
    return OwnState(
        now=row.now,
        shown=agent_state(seen, signed_in=True, open_wishes=row.wishes),
        signing_in=any(wish.kind == "add_member" for wish in row.wishes),
        refused=row.refused,
        queues=row.queues,
        calls=row.live_calls,
        sight=Sight(live=row.live, since=row.lost_at or row.heard_at),
        today=Today(calls=row.calls, talk_s=row.talk_s),
    )
