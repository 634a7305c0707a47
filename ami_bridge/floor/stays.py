"""Waits: callers in queues, and which of nine ways out they took.

Asterisk says 'abandon' for a hang-up, a timeout, an emptied queue and a withdrawal alike; two UserEvents of our
dialplan tell them apart. QueueCallerLeave is sent for every way out, and comes before AgentConnect: until more is known
it says only when the wait ended, not how.
"""

from __future__ import annotations

from ami_bridge.changes import CallerJoinedQueue, CallerLeftQueue, MessageLeft
from ami_bridge.events.ours import IvrLeft, QueueHangup, QueueLeft, VoicemailLeft
from ami_bridge.events.queues import QueueCallerAbandon, QueueCallerJoin, QueueCallerLeave
from crm.ledger.conversations import Wait
from crm.ledger.voicemails import Voicemail, file_of

from . import calls, ids, legs, places, rings
from .facts import Call, Facts, Stay

_STATUS_WORDS = {
    "TIMEOUT": "timeout",
    "FULL": "full",
    "JOINEMPTY": "join_empty",
    "JOINUNAVAIL": "join_empty",
    "LEAVEEMPTY": "leave_empty",
    "LEAVEUNAVAIL": "leave_empty",
    "CONTINUE": "continued",
    "WITHDRAW": "withdrawn",
}
_NEVER_JOINED = ("full", "join_empty")
_NO_MESSAGE = ("ERROR", "SKIP")


def joined(facts: Facts, event: QueueCallerJoin, at: float) -> None:
    channel = legs.learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    if channel is None:
        return
    stay = facts.stays.get((event.uniqueid, event.queue))
    if stay is not None and (stay.row.left_at is None or at <= stay.row.left_at):
        return  # heard twice, or known from a list already
    call = calls.of_caller(facts, channel, at, guessed=channel.call is None and channel.known_at == at)
    calls.learn_caller(facts, call, event.caller, event.caller_name)
    stay = open_stay(facts, call, event.uniqueid, event.queue, at, position=event.position)
    facts.say(CallerJoinedQueue(call.row, stay.row))


def open_stay(
    facts: Facts,
    call: Call,
    uniqueid: str,
    queue: str,
    at: float,
    *,
    position: int | None = None,
    guessed: bool = False,
) -> Stay:
    """A caller stands in a queue since `at`. guessed: reckoned back, because the join was not heard."""
    calls.confirm(facts, call)
    for earlier in call.stays:
        if earlier.row.left_at is not None and not earlier.settled and earlier.row.outcome != "lost_sight":
            _settle(facts, earlier, "key_exit")
    row = Wait(
        ids.wait_id(facts.node, uniqueid, queue, at),
        call.row.id,
        facts.node,
        queue,
        uniqueid,
        at,
        position=position,
        reconstructed=guessed,
    )
    stay = facts.stays[uniqueid, queue] = Stay(row, call)
    call.stays.append(stay)
    places.queued(facts, uniqueid, at)
    return stay


def left(facts: Facts, event: QueueCallerLeave, at: float) -> None:
    stay = facts.stays.get((event.uniqueid, event.queue))
    if stay is not None and stay.row.left_at is None:
        stay.row.left_at = max(at, stay.row.entered_at)
        facts.say(CallerLeftQueue(stay.row))


def abandoned(facts: Facts, event: QueueCallerAbandon, at: float) -> None:
    """Perhaps an abandon: the dialplan's word follows if it was something else."""
    channel = legs.learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    stay = facts.stays.get((event.uniqueid, event.queue))
    if stay is None and channel is not None:
        call = calls.of_caller(facts, channel, at - event.hold_s, guessed=True)
        stay = open_stay(facts, call, event.uniqueid, event.queue, at - event.hold_s, guessed=True)
        facts.say(CallerJoinedQueue(call.row, stay.row))
    if stay is not None and not stay.settled:
        stay.row.left_at = stay.row.left_at or max(at, stay.row.entered_at)
        stay.row.outcome = "withdrawn" if places.is_shadow(facts, stay) else "abandoned"
        facts.say(CallerLeftQueue(stay.row))
        rings.caller_left(facts, stay, at)


def answered(facts: Facts, stay: Stay, at: float) -> None:
    if stay.row.outcome != "answered":
        seen = stay.row.left_at if stay.row.outcome != "lost_sight" else None
        stay.row.left_at = seen or max(at, stay.row.entered_at)
        _settle(facts, stay, "answered")


def lost(facts: Facts, stay: Stay, at: float) -> None:
    """The caller has left the queue, and nobody saw how; `at` is when it was last seen there. A late word may say."""
    stay.row.left_at = max(at, stay.row.entered_at)
    stay.row.outcome = "lost_sight"
    facts.say(CallerLeftQueue(stay.row))
    facts.revise(stay.call)


def queue_left(facts: Facts, event: QueueLeft, at: float) -> None:
    """Our dialplan's word after Queue(): how the caller got out of it."""
    outcome = _STATUS_WORDS.get(event.status)
    stay = facts.stays.get((event.uniqueid, event.queue))
    if stay is not None and stay.row.left_at is None and outcome in _NEVER_JOINED:
        stay = None  # an earlier stay whose end we did not hear
    if stay is not None and stay.row.left_at is not None and at - stay.row.left_at > 1.0 and outcome in _NEVER_JOINED:
        stay = None
    if stay is None and outcome in _NEVER_JOINED:
        channel = legs.learn(facts, event.channel, event.uniqueid, event.linkedid, at)
        if channel is None:
            return
        call = calls.of_caller(facts, channel, at)
        stay = open_stay(facts, call, event.uniqueid, event.queue, at)
        facts.say(CallerJoinedQueue(call.row, stay.row))
    if stay is not None and outcome is not None and not stay.settled:
        _went(facts, stay, outcome, at)
        rings.caller_left(facts, stay, at)


def queue_hangup(facts: Facts, event: QueueHangup, at: float) -> None:
    """The hangup handler's word: the caller's channel ended inside Queue()."""
    stay = facts.stays.get((event.uniqueid, event.queue))
    if stay is None or stay.settled:
        return
    outcome = _STATUS_WORDS.get(event.status) or ("abandoned" if event.abandoned else None)
    if outcome == "abandoned" and places.is_shadow(facts, stay):
        outcome = "withdrawn"  # nobody was on that line
    if outcome is not None:
        _went(facts, stay, outcome, at)


def _went(facts: Facts, stay: Stay, outcome: str, at: float) -> None:
    """The dialplan's word on how a stay ended. CONTINUE comes after a talk: who missed AgentConnect, being blind just
    then, knows by the talk that the caller was answered, and when."""
    talked = [
        talk.row.started_at
        for talk in (*stay.call.past_talks, *stay.call.talks.values())
        if talk.row.queue == stay.row.queue and talk.row.started_at >= stay.row.entered_at
    ]
    if outcome == "continued" and talked:
        outcome, at = "answered", min(talked)
    stay.row.left_at = stay.row.left_at or at
    _settle(facts, stay, outcome)


def ivr_left(facts: Facts, event: IvrLeft, at: float) -> None:
    channel = legs.learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    if channel is not None:
        call = calls.of_caller(facts, channel, at)
        call.next_step = event.next_step
        calls.learn_caller(facts, call, event.caller, event.caller_name)


def voicemail_left(facts: Facts, event: VoicemailLeft, at: float) -> None:
    """A recording is there. It is said also of a call that nobody saw begin: its row stands by itself."""
    if event.status in _NO_MESSAGE:
        return
    channel = facts.channels.get(event.uniqueid)
    call = channel.call if channel is not None else facts.calls.get(event.linkedid)
    if call is not None:
        call.voicemail = True
        facts.revise(call)
    box = event.box or (call.stays[-1].row.queue if call is not None and call.stays else None)
    linkedid = call.row.linkedid if call is not None else event.linkedid
    facts.say(
        MessageLeft(
            Voicemail(
                ids.voicemail_id(facts.node, event.uniqueid),
                call.row.id if call is not None else ids.conversation_id(facts.node, linkedid),
                facts.node,
                linkedid,
                box,
                file_of(event.uniqueid),
                at,
            )
        )
    )


def caller_gone(facts: Facts, call: Call, uniqueid: str, at: float) -> None:
    """The caller's channel ended: who still stood in a queue has left it.

    The queue says itself that a caller left. Where it did not, and sight was lost since the caller came, it may have
    said so meanwhile: perhaps the caller talked.
    """
    for stay in call.stays:
        if stay.row.caller_uniqueid == uniqueid and stay.row.left_at is None:
            unseen = call.lost or stay.row.entered_at <= facts.found_at
            stay.row.left_at = max(at, stay.row.entered_at)
            stay.row.outcome = "lost_sight" if unseen else "abandoned"
            facts.say(CallerLeftQueue(stay.row))


def end_all(facts: Facts, call: Call, at: float) -> None:
    """The conversation ended: a wait without any word about its end was left by a key."""
    for stay in call.stays:
        row = stay.row
        if row.outcome is None:
            row.left_at = row.left_at or max(at, row.entered_at)
            row.outcome = "lost_sight" if call.lost else "key_exit"
            facts.say(CallerLeftQueue(row))


def _settle(facts: Facts, stay: Stay, outcome: str) -> None:
    stay.settled = True
    if stay.row.outcome != outcome:
        stay.row.outcome = outcome
        facts.say(CallerLeftQueue(stay.row))
        facts.revise(stay.call)
