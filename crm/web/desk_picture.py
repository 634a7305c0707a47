"""The desk as it is now: own state, cards, and what to show while no call is there.

Gathered for every fetch of the desk, whole or as a fragment, always from the rows. Called by pages/desk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from crm.cases.reading import COUNTS, Counts
from crm.deeds.pop_urls import links
from crm.pauses import BUDGETS, Budget
from crm.questions import Question, Where, ask
from crm.rules import masks
from crm.rules.phone_numbers import to_e164
from crm.rules.rights import masked
from crm.settings import Settings

from .card import Card, LiveCall, cards_of
from .own_state import OwnState, asked_of, state_of
from .sign_in import Me

RECENT_SHOWN = 8

_RECENT_ASKED = """
SELECT segment.started_at, CASE WHEN c.direction = 'outbound' THEN c.dialled ELSE c.caller END AS caller,
       coalesce(customer.name, c.caller_name) AS who,
       coalesce(CASE WHEN :language = 'zh' THEN queue.title_zh ELSE queue.title_en END,
                meant.queue, segment.queue) AS queue,
       extract(epoch FROM segment.ended_at - segment.started_at)::float8 - segment.hold_s AS talk_s,
       wrap_up.outcome AS wrap_up
  FROM segment
  JOIN conversation c ON c.id = segment.conversation_id
  LEFT JOIN LATERAL (SELECT routing.queue FROM routing
                      WHERE segment.queue LIKE 'seat-%' AND routing.node = c.node AND routing.linkedid = c.linkedid
                      ORDER BY routing.decided_at DESC LIMIT 1) AS meant ON true
  LEFT JOIN queue ON queue.name = coalesce(meant.queue, segment.queue)
  LEFT JOIN caller_facts ON caller_facts.node = c.node AND caller_facts.linkedid = c.linkedid
  LEFT JOIN caller_pick ON caller_pick.conversation_id = c.id
  LEFT JOIN customer ON customer.id = coalesce(caller_pick.customer_id, caller_facts.customer_id)
  LEFT JOIN wrap_up ON wrap_up.conversation_id = c.id AND wrap_up.agent_id = segment.agent_id
 WHERE segment.node = :node AND segment.seat = :seat AND segment.agent_id = :agent_id
   AND segment.ended_at IS NOT NULL
 ORDER BY segment.started_at DESC LIMIT :shown
"""


class Recent(msgspec.Struct, frozen=True):
    """One of the agent's last talks."""

    started_at: datetime
    caller: str | None
    who: str | None
    queue: str | None
    talk_s: float
    wrap_up: str | None


_RECENT = Question(_RECENT_ASKED, Recent)


class Desk(msgspec.Struct, frozen=True):
    """All that the desk shows."""

    state: OwnState
    cards: Sequence[Card]
    recent: Sequence[Recent]
    links: Mapping[UUID, Sequence[tuple[str, str]]]
    waiting: Counts | None
    """The agent's own cases; not asked for while a card is shown."""
    budgets: Sequence[Budget]
    """What may be paused for, and how much of it was used."""

    def context(self) -> dict[str, Any]:
        """The names that the templates know."""
        ringing = next((card for card in self.cards if card.phase == "ringing"), None)
        return {
            "state": self.state,
            "now": self.state.now,
            "cards": self.cards,
            "recent": self.recent,
            "links": self.links,
            "waiting": self.waiting,
            "ringing": ringing,
        }


async def desk_picture(where: Where, me: Me, settings: Settings, midnight: datetime) -> Desk:
    """The desk of one seated agent. `midnight`: when the call center's day began."""
    node, seat = str(me.node), str(me.seat)
    who: dict[str, Any] = {"node": node, "seat": seat, "agent_id": me.agent_id, "language": me.language}
    (row,), budgets = await ask(
        where, asked_of(**who, midnight=midnight), BUDGETS.with_(agent_id=me.agent_id, since=midnight)
    )
    state = state_of(row)
    words = {"language": me.language, "country": settings.country}
    cards = await cards_of(where, state.calls, **words, agent_id=me.agent_id, queues=me.queues)
    waiting, recent = (None, []) if cards else await _while_idle(where, me, node, seat)
    addresses = {card.key: _links(me, settings, call, card) for call, card in zip(state.calls, cards, strict=True)}
    return Desk(state, cards, recent, addresses, waiting, budgets)


def _links(me: Me, settings: Settings, call: LiveCall, card: Card) -> list[tuple[str, str]]:
    """Where other systems know this caller. Who may not see a number does not find it in an address either."""
    if not settings.pop_urls:
        return []
    values: dict[str, str | None] = {
        "caller": call.caller,
        "caller_e164": call.number_e164 or to_e164(call.caller, settings.country),
        "caller_name": call.caller_name,
        "dialled": call.dialled,
        "customer_code": card.customer.code if card.customer else None,
        "customer_id": str(card.customer.id) if card.customer else None,
        "conversation_id": str(call.conversation_id),
        "linkedid": call.linkedid,
        "node": me.node,
        "queue": card.queue,
        "agent": me.login,
        "seat": me.seat,
    }
    return links(settings, masks.view(values, masked(me.role, settings.masked_fields)))


async def _while_idle(where: Where, me: Me, node: str, seat: str) -> tuple[Counts, list[Recent]]:
    """What is shown while no call is there."""
    mine = {"node": node, "seat": seat, "agent_id": me.agent_id, "language": me.language}
    (waiting,), recent = await ask(where, COUNTS.with_(agent_id=me.agent_id), _RECENT.with_(**mine, shown=RECENT_SHOWN))
    return waiting, recent
