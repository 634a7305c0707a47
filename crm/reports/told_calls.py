"""The stays of one caller in queue_log → the ledger's rows, all marked reconstructed. Pure; called by history.

queue_log knows the caller's channel, not the conversation: a call of its own is made for it, unless the ledger has
one. Seats are as the agent column has them: an interface, or a member's name where the queue was told one.
"""

from __future__ import annotations

from msgspec import Struct, field

from crm.ledger import ids
from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.ledger.statement import Row
from crm.rules.queue_log import TRANSFERS, Stay

from .log_files import storable

_ENDED_BY = {"COMPLETECALLER": "caller", "COMPLETEAGENT": "agent", "ABANDON": "caller"}
_CALL_WORDS = {"answered": "answered", "abandoned": "abandoned", "lost_sight": "lost_sight"}


class Part(Struct):
    """One stay: its wait, and the rings, talk and transfer that belong to it."""

    wait: Wait
    rest: list[Row] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        return [self.wait, *self.rest]


class Told(Struct):
    """One call. `conversation` is None when the ledger has it already."""

    conversation: Conversation | None
    parts: list[Part]


def rows_of(node: str, stays: list[Stay], home: str | None) -> Told:
    """Rows of the stays of one caller's channel, those without a beginning left out. home: its conversation's id."""
    whole = sorted((stay for stay in stays if stay.entered_at is not None), key=lambda stay: stay.first_at)
    if not whole:
        return Told(None, [])
    callid = storable(whole[0].callid) or ""
    call = home or ids.conversation_id(node, callid)
    talks: dict[str, int] = {}
    parts = [_part(node, call, stay, talks) for stay in whole]
    return Told(None if home else _conversation(node, call, callid, whole, parts), parts)


def _conversation(node: str, call: str, callid: str, stays: list[Stay], parts: list[Part]) -> Conversation:
    last, wait = stays[-1], parts[-1].wait
    outcome = "lost_sight" if last.cut else _CALL_WORDS.get(wait.outcome or "", "no_answer")
    if any(part.wait.outcome == "answered" for part in parts) and outcome == "no_answer":
        outcome = "answered"
    return Conversation(
        id=call,
        node=node,
        linkedid=callid,
        direction="inbound",
        started_at=parts[0].wait.entered_at,
        caller=storable(stays[0].caller),
        caller_name=storable(stays[0].caller_name),
        ended_at=last.ended_at or wait.left_at,
        outcome=outcome,
        ended_by="unknown" if last.cut else _ENDED_BY.get(last.ending or "", "unknown"),
        reconstructed=True,
    )


def _part(node: str, call: str, stay: Stay, talks: dict[str, int]) -> Part:
    callid, queue = storable(stay.callid) or "", storable(stay.queue) or ""
    entered_at = stay.entered_at if stay.entered_at is not None else stay.first_at
    last_word = max([rung.ended_at for rung in stay.rung], default=entered_at)
    wait = Wait(
        id=ids.wait_id(node, callid, queue, entered_at),
        conversation_id=call,
        node=node,
        queue=queue,
        caller_uniqueid=callid,
        entered_at=entered_at,
        position=stay.position,
        left_at=max(entered_at, stay.left_at if stay.left_at is not None else last_word),
        outcome=stay.outcome or "lost_sight",
        reconstructed=True,
    )
    part = Part(wait)
    for number, rung in enumerate(stay.rung):
        seat = storable(rung.agent) or ""
        part.rest.append(
            Offer(
                id=ids.offer_id(node, wait.id, seat, f"ring {number}"),
                conversation_id=call,
                wait_id=wait.id,
                node=node,
                queue=queue,
                seat=seat,
                started_at=rung.ended_at - rung.ring_s,
                ended_at=rung.ended_at,
                outcome="caller_left" if rung.canceled else "no_answer",
                reconstructed=True,
            )
        )
    if stay.answered_at is not None and stay.agent is not None:
        part.rest += _answered(node, call, stay, wait, talks)
    return part


def _answered(node: str, call: str, stay: Stay, wait: Wait, talks: dict[str, int]) -> list[Row]:
    seat = storable(stay.agent) or ""
    answered_at = stay.answered_at if stay.answered_at is not None else stay.first_at
    number = talks[seat] = talks.get(seat, -1) + 1
    ended_at = max(answered_at, stay.ended_at if stay.ended_at is not None else answered_at)
    leg = storable(stay.agent_uniqueid)
    found: list[Row] = [
        Offer(
            id=ids.offer_id(node, wait.id, seat, leg or "answered"),
            conversation_id=call,
            wait_id=wait.id,
            node=node,
            queue=wait.queue,
            seat=seat,
            started_at=answered_at - (stay.ring_s or 0.0),
            ended_at=answered_at,
            outcome="answered",
            reconstructed=True,
        ),
        Segment(
            id=ids.segment_id(node, call, seat, number),
            conversation_id=call,
            node=node,
            queue=wait.queue,
            seat=seat,
            caller_uniqueid=wait.caller_uniqueid,
            started_at=answered_at,
            seat_uniqueid=leg,
            ended_at=ended_at,
            reconstructed=True,
        ),
    ]
    if stay.ending in TRANSFERS:
        kind = "attended" if stay.ending == "ATTENDEDTRANSFER" else "blind"
        found.append(
            Transfer(
                id=ids.transfer_id(node, call, leg or seat, ended_at),
                conversation_id=call,
                node=node,
                kind=kind,
                from_seat=seat,
                to=storable(stay.transferred_to),
                at=ended_at,
                outcome="success",
            )
        )
    return found
