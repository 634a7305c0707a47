"""Why does the ledger say this of a call? Its timeline, with what Asterisk said behind each line.

Rows come from the ledger, menus from visits, cards from pops, asks from wishes, who was rung and why from the routing
story, events from the journal's blocks of the conversation's span. Called by `kefu conversation explain`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import journal
from crm.journal import Heard
from crm.ledger.conversations import Conversation
from crm.ledger.statement import select_rows
from crm.refusals import Refusal

from .ledger_calls import LedgerCall, read_call
from .routing_story import Story, routing_story
from .timeline import Happening, belongs, in_order, of_holds, of_ledger, put_behind

AROUND = timedelta(seconds=5)
_BY_ID = select_rows("conversation", Conversation, "t.id = %s", "id")
_BY_LINKEDID = select_rows("conversation", Conversation, "t.linkedid = %s AND t.node = %s", "started_at")
_VISITS = text(
    "SELECT started_at, ended_at, flow, language, steps, pressed, ending FROM visit "
    "WHERE node = :node AND linkedid = :linkedid ORDER BY started_at"
)
_POPS = text(
    "SELECT p.seat, p.rung_at, p.taken_at, p.ending, a.login, s.shown_at FROM pop p LEFT JOIN pop_shown s "
    "ON s.pop_id = p.id LEFT JOIN agent a ON a.id = s.agent_id WHERE p.conversation_id = :id ORDER BY p.rung_at"
)
_WISHES = text(
    "SELECT kind, seat, queue, reason, asked_by, state, wanted_at, settled_at, why FROM pbx_request "
    "WHERE conversation_id = :id ORDER BY wanted_at"
)
_CORRECTIONS = text(
    "SELECT at, what, drift FROM correction WHERE node = :node AND at BETWEEN :since AND :until ORDER BY at"
)


class NoSuchConversation(Refusal):
    """No conversation has this id."""


class Explained(Struct, frozen=True):
    """`heard`: messages of this conversation in the journal; `further`: those that stand behind no line."""

    call: LedgerCall
    timeline: list[Happening]
    heard: int
    further: int
    routing: Story

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        row = self.call.row
        return {
            **{name: getattr(row, name) for name in row.__struct_fields__},
            "timeline": [
                {
                    "at": _iso(line.at),
                    "what": line.what,
                    "text": line.text,
                    "reconstructed": line.reconstructed,
                    "events": [{"at": _iso(event.at), "headers": event.headers} for event in line.events],
                }
                for line in self.timeline
            ],
            "routing": self.routing.document(),
            "messages_heard": self.heard,
            "further_messages": self.further,
            "started_at": _iso(row.started_at),
            "ended_at": None if row.ended_at is None else _iso(row.ended_at),
        }


async def explain(session: AsyncSession, identity: str, node: str) -> Explained:
    """identity: a conversation's id, or its Linkedid on `node`. Raises NoSuchConversation."""
    call = await read_call(session, await _found(session, identity, node))
    row = call.row
    since = datetime.fromtimestamp(row.started_at, UTC) - AROUND
    until = (datetime.now(UTC) if row.ended_at is None else datetime.fromtimestamp(row.ended_at, UTC)) + AROUND
    heard = await _heard(session, call, since, until)
    timeline = of_ledger(call) + of_holds(call, heard)
    timeline += await _besides(session, call, since, until)
    routing = await routing_story(session, call)
    timeline += routing.timeline()
    further = put_behind(timeline, heard)
    return Explained(call, in_order(timeline), len(heard), further, routing)


async def _found(session: AsyncSession, identity: str, node: str) -> Conversation:
    connection = await session.connection()
    try:
        query, parameters = _BY_ID, (str(UUID(identity)),)
    except ValueError:
        query, parameters = _BY_LINKEDID, (identity, node)  # type: ignore[assignment]
    told = (await connection.exec_driver_sql(query, parameters)).scalar_one()
    rows = msgspec.json.decode(told, type=list[Conversation])
    if not rows:
        raise NoSuchConversation(f"there is no conversation {identity!r}: `kefu conversation list --json` has the ids")
    return rows[-1]


async def _heard(session: AsyncSession, call: LedgerCall, since: datetime, until: datetime) -> list[Heard]:
    """Messages that name a channel of the conversation; one of them may name more of its channels."""
    row = call.row
    known = call.uniqueids
    blocks = await journal.messages(session, row.node, known, since, until)
    # A leg is known by its Linkedid, and by a Dial that names both: two rounds find legs of legs.
    for _ in range(2):
        for each in blocks:
            if each.get("Linkedid") in known and each.get("Uniqueid"):
                known.add(each.get("Uniqueid"))
    begin, end = since.timestamp(), until.timestamp()
    return [each for each in blocks if belongs(each, known) and begin <= each.at <= end]


async def _besides(session: AsyncSession, call: LedgerCall, since: datetime, until: datetime) -> list[Happening]:
    """What stands in no ledger row: keys, cards, wishes, corrections."""
    row = call.row
    found: list[Happening] = []
    for visit in await session.execute(_VISITS, {"node": row.node, "linkedid": row.linkedid}):
        found += _menu(visit)
    for pop in await session.execute(_POPS, {"id": row.id}):
        shown = (
            f", shown to {pop.login} after {(pop.shown_at - pop.rung_at).total_seconds():.3f} s" if pop.login else ""
        )
        found.append(Happening(pop.rung_at.timestamp(), "card", f"on {pop.seat}{shown}"))
        if pop.taken_at is not None:
            found.append(Happening(pop.taken_at.timestamp(), "card gone", f"from {pop.seat}: {pop.ending}"))
    for wish in await session.execute(_WISHES, {"id": row.id}):
        words = " ".join(filter(None, (wish.kind, wish.seat, wish.queue, wish.reason)))
        settled = f" after {(wish.settled_at - wish.wanted_at).total_seconds():.3f} s" if wish.settled_at else ""
        why = f" ({wish.why})" if wish.why else ""
        found.append(
            Happening(
                wish.wanted_at.timestamp(), "wish", f"{words}, asked by {wish.asked_by}: {wish.state}{settled}{why}"
            )
        )
    span = {"node": row.node, "since": since, "until": until}
    for mended in await session.execute(_CORRECTIONS, span):
        found.append(Happening(mended.at.timestamp(), "correction", mended.what))
    return found


def _menu(visit: Any) -> list[Happening]:
    begun = visit.started_at.timestamp()
    found = [Happening(begun, "menu", f"flow {visit.flow}, language {visit.language or 'not chosen'}")]
    for step in visit.steps:
        pressed = f": pressed {step['pressed']}" if step.get("pressed") else ""
        heard = f" {step['prompt']}" if step.get("prompt") else ""
        why = f": {step['why']}" if step.get("why") else ""
        told = f"{step.get('step')}{heard}{pressed}{why}"
        found.append(Happening(begun + float(step.get("at_s") or 0.0), "menu", told))
    if visit.ended_at is not None:
        found.append(Happening(visit.ended_at.timestamp(), "menu", f"left the flow: {visit.ending}"))
    return found


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
