"""What an agent can do with the call on their phone, what they asked for and how it went; who handed the call over.

Asked once for each picture of the desk that shows a card. Called by pages/desk; writes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from crm.questions import Asked, Question, Where, ask
from crm.rules.wish_time import longer_s

from .desk_picture import Desk
from .sign_in import Me

ASKED_SHOWN = 3
NOT_TAKEN_TOLD_S = 30.0
"""How long a desk says that whom it asked did not take the question."""

_CONTROLS_ASKED = """
SELECT (SELECT coalesce(json_agg(w ORDER BY w.wanted_at DESC), '[]') FROM (
            SELECT kind, CASE WHEN state IN ('wanted', 'sent') AND expires_at < clock_timestamp() THEN 'expired'
                              ELSE state END AS state, why, target, wanted_at
              FROM pbx_request WHERE node = :node AND seat = :seat AND conversation_id = CAST(:call AS uuid)
               AND kind IN ('hang_up', 'send_keys', 'mute', 'unmute', 'transfer', 'consult', 'consult_end', 'park')
             ORDER BY wanted_at DESC LIMIT CAST(:shown AS int)) AS w) AS wished,
       coalesce((SELECT kind = 'mute' FROM pbx_request
                  WHERE node = :node AND seat = :seat AND conversation_id = CAST(:call AS uuid) AND state = 'confirmed'
                    AND kind IN ('mute', 'unmute') ORDER BY settled_at DESC LIMIT 1), false) AS muted,
       NOT EXISTS (SELECT FROM segment WHERE conversation_id = CAST(:call AS uuid) AND node = :node AND seat = :seat
                      AND ended_at IS NULL) AS away,
       (SELECT p.seat FROM pop p WHERE p.conversation_id = CAST(:call AS uuid) AND p.node = :node AND p.seat <> :seat
           AND p.taken_at IS NULL AND p.wait_id IS NULL
           AND NOT EXISTS (SELECT FROM segment s WHERE s.conversation_id = p.conversation_id AND s.seat = p.seat
                              AND s.node = p.node AND s.ended_at IS NULL)
         ORDER BY p.rung_at DESC LIMIT 1) AS asks,
       (SELECT coalesce(json_agg(c ORDER BY c.word <> 'ready', c.name), '[]') FROM (
            SELECT s.seat, agent.name, coalesce(posture.word, 'unseen') AS word
              FROM seat_session s JOIN agent ON agent.id = s.agent_id
              LEFT JOIN posture ON posture.node = s.node AND posture.seat = s.seat
             WHERE s.node = :node AND s.seat <> :seat AND s.signed_out_at IS NULL LIMIT 200) AS c) AS colleagues,
       (SELECT coalesce(json_agg(json_build_object('name', name, 'en', title_en, 'zh', title_zh) ORDER BY name), '[]')
          FROM queue WHERE name NOT LIKE 'seat-%') AS queues,
       (SELECT CASE WHEN o.outcome IN ('busy', 'rejected', 'no_answer', 'device_gone')
                     AND o.ended_at > clock_timestamp() - make_interval(secs => :told_s)
                    THEN json_build_object('who', coalesce(agent.name, o.seat), 'outcome', o.outcome) END
          FROM offer o LEFT JOIN agent ON agent.id = o.agent_id
         WHERE o.conversation_id = CAST(:call AS uuid) AND o.node = :node AND o.seat <> :seat AND o.wait_id IS NULL
         ORDER BY o.started_at DESC LIMIT 1) AS not_taken,
       (SELECT body FROM handover_note WHERE conversation_id = CAST(:call AS uuid) AND agent_id = :agent_id) AS note,
       (SELECT about FROM raised_hand WHERE agent_id = :agent_id AND lowered_at IS NULL) AS hand
"""
_BEFORE_ASKED = """
SELECT t.conversation_id, coalesce(agent.name, t.seat) AS agent, t.talk_s, n.body AS note,
       EXISTS (SELECT FROM posture p WHERE p.node = :node AND p.seat = t.seat AND p.word = 'talking'
                  AND p.conversation_id = t.conversation_id) AS asks
  FROM (SELECT conversation_id, agent_id, max(seat) AS seat, max(started_at) AS last,
               sum(extract(epoch FROM coalesce(ended_at, clock_timestamp()) - started_at) - hold_s)::float8 AS talk_s
          FROM segment WHERE conversation_id = ANY(CAST(:calls AS uuid[])) AND node = :node
           AND agent_id IS DISTINCT FROM :agent_id AND seat <> :seat
         GROUP BY conversation_id, agent_id) AS t
  LEFT JOIN agent ON agent.id = t.agent_id
  LEFT JOIN handover_note n ON n.conversation_id = t.conversation_id AND n.agent_id = t.agent_id
 ORDER BY t.last DESC
"""

_DIALLED_ASKED = """
SELECT regexp_replace(target, '^(out|seat-)', '') AS number, why,
       CASE WHEN state IN ('wanted', 'sent') AND expires_at < clock_timestamp() - make_interval(secs => :longer_s)
            THEN 'expired' ELSE state END AS state
  FROM pbx_request
 WHERE node = :node AND seat = :seat AND kind = 'dial' AND wanted_at > clock_timestamp() - interval '1 minute'
 ORDER BY wanted_at DESC LIMIT 1
"""
_PARKED_ASKED = """
SELECT w.why AS space, c.caller, c.caller_name, w.settled_at AS parked_at
  FROM pbx_request w JOIN conversation c ON c.id = w.conversation_id AND c.ended_at IS NULL
 WHERE w.node = :node AND w.kind = 'park' AND w.state = 'confirmed' AND w.why IS NOT NULL
   AND w.wanted_at > clock_timestamp() - interval '15 minutes'
   AND NOT EXISTS (SELECT FROM segment s WHERE s.conversation_id = c.id AND s.started_at > w.settled_at)
 ORDER BY w.settled_at
"""


class Dialled(msgspec.Struct, frozen=True):
    """The last number that this seat was to dial."""

    number: str
    why: str | None
    state: str


class Parked(msgspec.Struct, frozen=True):
    """A caller who hears music in a parking space."""

    space: str
    caller: str | None
    caller_name: str | None
    parked_at: datetime


class Wished(msgspec.Struct, frozen=True):
    """A wish about this call and how it went, the newest first."""

    kind: str
    state: str
    why: str | None
    target: str | None
    wanted_at: datetime


class Colleague(msgspec.Struct, frozen=True):
    """Somebody at another seat of this node."""

    seat: str
    name: str
    word: str


class NotTaken(msgspec.Struct, frozen=True):
    """Who was asked and did not answer, and how that ended."""

    who: str
    outcome: str


class Controls(msgspec.Struct, frozen=True):
    """`away`: the caller hears music, somebody else is being asked; `asks`: whose seat; `hand`: what for it is up."""

    wished: list[Wished]
    muted: bool
    away: bool
    asks: str | None
    colleagues: list[Colleague]
    queues: list[dict[str, str]]
    not_taken: NotTaken | None
    note: str | None
    hand: str | None

    @property
    def consulting(self) -> bool:
        """Whether the agent has to choose between the caller and whom they asked."""
        return self.away or self.asks is not None

    @property
    def asked_name(self) -> str | None:
        """Who is being asked, where it is an agent of this center."""
        return next((each.name for each in self.colleagues if each.seat == self.asks), self.asks)


class Before(msgspec.Struct, frozen=True):
    """An agent who had this call before, or has it still and asks a colleague (`asks`)."""

    conversation_id: UUID
    agent: str
    talk_s: float
    note: str | None
    asks: bool


_CONTROLS, _BEFORE = Question(_CONTROLS_ASKED, Controls), Question(_BEFORE_ASKED, Before)
_DIALLED, _PARKED = Question(_DIALLED_ASKED, Dialled), Question(_PARKED_ASKED, Parked)


async def in_hand(where: Where, me: Me, desk: Desk) -> dict[str, Any]:
    """What templates show of the calls on a desk besides the card: who had them before (the last one first), and what
    can be done now with the one on the phone."""
    here = {"node": str(me.node), "seat": str(me.seat)}
    mine = {**here, "agent_id": me.agent_id}
    talking = desk.state.shown.word == "talking" and me.may("call.control")
    call = next((card.conversation_id for card in desk.cards if talking and card.phase == "talking"), None)
    free = all(card.phase == "wrapping_up" for card in desk.cards)  # who is parked may be the next call
    asked: list[Asked[Any]] = []
    if desk.cards:
        asked.append(_BEFORE.with_(**mine, calls=[card.conversation_id for card in desk.cards]))
    if call is not None:
        asked.append(_CONTROLS.with_(**mine, call=call, shown=ASKED_SHOWN, told_s=NOT_TAKEN_TOLD_S))
    if free:
        asked += [_DIALLED.with_(**here, longer_s=longer_s("dial")), _PARKED.with_(node=here["node"])]
    answers = await ask(where, *asked)
    before: dict[UUID, list[Before]] = {}
    for each in answers[0] if desk.cards else ():
        before.setdefault(each.conversation_id, []).append(each)
    dialled, parked = answers[-2:] if free else ((), ())
    # What was dialled and became the call that is wrapped up needs no word any more.
    dialled = [each for each in dialled if not desk.cards or each.state != "confirmed"]
    return {
        "before": before,
        "control": answers[1][0] if call is not None else None,
        "control_of": call,
        "last_dialled": next(iter(dialled), None),
        "parked": parked,
    }
