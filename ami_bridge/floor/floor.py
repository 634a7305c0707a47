"""The floor: what a supervisor would see looking over the room. Who waits, who rings, who talks, who is away.

It is rebuilt only from AMI events and lists, fed by a live socket or by a recorded file, and cannot tell which. It
never guesses: a seat not heard of since the last look is unseen, not free. The rules:

 1. Facts, not transitions. Order across channels is undefined, so no event is expected after another; each changes what
    is known of its own things, and conclusions (postures, talks, endings) are computed from all that is known.
 2. A fact carries Asterisk's time. An older one never overwrites a newer one of the same thing, unless it is older by
    more than a minute: then Asterisk's clock was set back. Rows of lists carry no time and get the time of the stream.
 3. A conversation is found by Linkedid and begins with its first channel: from a trunk it is inbound, from a seat
    internal until it dials a leg to the outside (then outbound), by Originate outbound. Whoever waits in a queue is a
    caller. Agents' legs, Local halves and what a seat dials in the middle of a talk (a consult) begin none; a seat that
    lifts its phone begins one only when it dials: it may as well take over a ringing or a parked call.
 4. An inbound conversation ends with its caller's leg, any other with its last leg. Its outcome: a talk makes it
    answered, else a message, a booked callback, the last queue's way out, a flow that said goodbye, the last ring.
    Who hung up first ended it, unless the caller waited, talked or left a message after that.
 5. A wait runs from QueueCallerJoin to QueueCallerLeave; how it ended is said by AgentConnect or by our dialplan. Until
    then 'abandoned' is only the best word so far.
 6. A ring begins with AgentCalled, or with DialBegin for a seat that no queue rings. The first word that it is over
    ends it, later ones may say better why. A caller who left is not the agent's fault. Whoever picks a call up, or to
    whom a phone forwards it, is credited with it, though the queue goes on naming the seat that it rang. A colleague
    who is consulted is rung for the caller, too, and shown the card until the consult is over.
 7. A talk runs while a seat and a party of the conversation hang together: in one bridge, or in bridges joined by the
    two halves of Local pairs. A pair through which a phone was rung is only a wire; without a phone it is the agent.
    Parted for less than a quarter of a second, they were never apart.
 8. A seat is named by its interface. Its posture: unseen, offline, talking, ringing, wrapping_up, paused, ready. Where
    the bridge begins after-call work, a seat is wrapping up from the end of a queue's talk, or from AgentComplete, on:
    it is never ready before Asterisk has confirmed or refused the pause, or has been silent about it for two seconds.
 9. What is gone is remembered for a while, so that a late or doubled event raises nothing again; an ended conversation
    stays for two seconds to hear the last words about it, then leaves the floor.
10. A list contradicts the floor: what no event explains within a second is mended, and counted as a correction. What
    the first look after a blind moment shows is believed at once: a seat that rang and talks now was the one who
    answered.
11. A promised callback stands in a queue as a place of our own dialplan. Its conversation is outbound; whoever is
    rung for it talks with nobody until the customer is there. A customer who is dialled first stands there in person.
12. An event that says nothing new changes nothing: a stream heard twice gives the same rows, with the same ids.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from typing import Any

from ami_bridge.changes import Change
from ami_bridge.events import Event
from ami_bridge.events import agents as agent_events
from ami_bridge.events import bridges as bridge_events
from ami_bridge.events import channels as channel_events
from ami_bridge.events import lists as list_events
from ami_bridge.events import ours as our_events
from ami_bridge.events import queues as queue_events
from ami_bridge.events import system as system_events
from ami_bridge.events import transfers as transfer_events
from crm.ledger.conversations import Conversation, Offer, Segment, Wait
from crm.ledger.postures import Membership, Posture, Sight
from crm.rules.pause_steps import Standing

from . import agents, channels, doubts, endings, places, recall, seats, sight, snapshot, stays, talks, transfers
from .facts import SET_BACK_S, Facts
from .hands import Hands, hands_of, why_not_free

Rule = Callable[[Facts, Any, float], None]

RULES: Mapping[type[Event], Rule] = {
    channel_events.Newchannel: channels.born,
    channel_events.DialBegin: channels.dial_begin,
    channel_events.DialEnd: channels.dial_end,
    channel_events.Pickup: channels.pickup,
    channel_events.HangupRequest: channels.hangup_request,
    channel_events.Hangup: channels.hangup,
    channel_events.Hold: talks.hold,
    channel_events.Unhold: talks.unhold,
    bridge_events.BridgeEnter: channels.bridge_enter,
    bridge_events.BridgeLeave: channels.bridge_leave,
    queue_events.QueueCallerJoin: stays.joined,
    queue_events.QueueCallerLeave: stays.left,
    queue_events.QueueCallerAbandon: stays.abandoned,
    queue_events.MemberState: snapshot.member,
    agent_events.AgentCalled: agents.agent_called,
    agent_events.AgentConnect: agents.agent_connect,
    agent_events.AgentRingNoAnswer: agents.agent_ring_no_answer,
    agent_events.AgentDump: agents.agent_dump,
    agent_events.AgentComplete: agents.agent_complete,
    transfer_events.BlindTransfer: transfers.blind,
    transfer_events.AttendedTransfer: transfers.attended,
    transfer_events.ParkedCall: channels.parked,
    transfer_events.UnParkedCall: channels.unparked,
    our_events.QueueLeft: stays.queue_left,
    our_events.QueueHangup: stays.queue_hangup,
    our_events.IvrLeft: stays.ivr_left,
    our_events.VoicemailLeft: stays.voicemail_left,
    our_events.CallbackDialling: places.dialling,
    our_events.CallbackAnswered: places.answered,
    our_events.CallbackChoice: places.chose,
    our_events.CallbackEnded: places.ended,
    our_events.SeatCode: seats.code,
    system_events.DeviceStateChange: snapshot.device,
    system_events.OriginateResponse: channels.originated,
    system_events.Shutdown: sight.shutdown,
    list_events.QueueParams: snapshot.queue,
    list_events.QueueEntry: snapshot.waiting,
    list_events.CoreShowChannel: snapshot.channel,
    list_events.ListComplete: snapshot.complete,
}


class Floor:
    """One node's floor. `now` is the bridge's clock in epoch seconds; an event's own time goes before it.

    after_call_work: whoever hears CallHandled pauses the seat.
    """

    def __init__(self, node: str, *, after_call_work: bool = False) -> None:
        self.node = node
        self.facts = Facts(node, after_call_work=after_call_work)
        self._clock = 0.0
        self._heard_at = 0.0

    def recall(
        self,
        conversations: list[Conversation],
        waits: list[Wait],
        offers: list[Offer],
        segments: list[Segment],
        memberships: list[Membership],
        postures: list[Posture],
        heard_at: float | None = None,
    ) -> None:
        """Load the open rows of the ledger, before the first event. The next snapshot carries them on or ends them.

        memberships: those with no left_at; postures: all. heard_at: when a bridge last heard this node (node.heard_at),
        which is when what has ended meanwhile is said to have ended.
        """
        recall.load(self.facts, conversations, waits, offers, segments, memberships, postures)
        self.facts.lost_at = heard_at

    def bury(self, ended: list[tuple[str, float]]) -> None:
        """Linkedids of conversations that the ledger knows to be over, with when: no look raises them again."""
        for linkedid, at in sorted(ended, key=lambda each: each[1]):
            self.facts.bury(linkedid, at)

    def apply(self, event: Event, now: float) -> list[Change]:
        """Take in one event; what it changed, in order. Never raises for what a peer may send in whatever order."""
        facts, at = self.facts, event.at
        if at is not None and at > self._clock:
            self._clock, self._heard_at = at, now
        else:
            at = self._time_of(at, now)
        clock = at if at > self._clock else self._clock
        # Said here what each settles for itself: at most events nothing is due, and to ask costs less than to call.
        if (
            (facts.endings and facts.endings[0][0] <= clock)
            or (facts.partings and facts.partings[0][0] <= clock)
            or (facts.dues and facts.dues[0][0] <= clock)
            or (facts.doubts and facts.doubts[0].due <= clock)
        ):
            self._settle(clock)
        rule = RULES.get(type(event))
        if rule is not None:
            rule(facts, event, at)
        if facts.touched or facts.changes or facts.revised:
            return self._conclude(at)
        return []

    def tick(self, now: float) -> list[Change]:
        """Call each second: settles what waits for silence. Never changes what is written, only when."""
        at = self._estimate(now)
        self._settle(at)
        return self._conclude(at)

    def sight_found(self, now: float, asterisk_version: str | None) -> list[Change]:
        """Connected and logged in. A snapshot must be asked for next (actions.snapshot)."""
        sight.found(self.facts, self._estimate(now), now, asterisk_version)
        return self._conclude(self._estimate(now))

    def sight_lost(self, now: float) -> list[Change]:
        """The connection ended: what happens from now on is unseen."""
        sight.lost(self.facts, self._estimate(now), now)
        return self._conclude(self._estimate(now))

    def hands(self, seat: str, conversation_id: str | None) -> Hands | None:
        """What this seat has in its hands of a conversation now."""
        return hands_of(self.facts, seat, conversation_id)

    def why_not_free(self, seat: str) -> str | None:
        """Why this seat cannot be made to dial now, in a sentence."""
        return why_not_free(self.facts, seat)

    def channel_name(self, uniqueid: str) -> str | None:
        """What Asterisk calls a channel that is on the line now."""
        known = self.facts.channels.get(uniqueid)
        return None if known is None else known.name

    def standing(self, seat: str) -> Standing:
        """How a seat stands towards pauses; one that was never heard of stands nowhere."""
        known = self.facts.seats.get(seat)
        return Standing() if known is None else seats.standing(known)

    def queues_of(self, seat: str) -> Set[str]:
        """The queues that the seat stands in."""
        known = self.facts.seats.get(seat)
        return frozenset() if known is None else known.members.keys()

    def can_be_rung(self, seat: str) -> bool:
        """Whether the seat stands in any queue, and is paused in none."""
        known = self.facts.seats.get(seat)
        return known is not None and bool(known.members) and not any(each.row.paused for each in known.members.values())

    def pause_refused(self, seat: str, now: float) -> list[Change]:
        """The after-call work pause of this seat did not leave, or Asterisk refused it."""
        known = self.facts.seats.get(seat)
        if known is None:
            return []
        seats.pause_refused(self.facts, known)
        return self._conclude(self._estimate(now))

    @property
    def sight(self) -> Sight:
        """The node's own row, changed in place."""
        return self.facts.sight

    @property
    def unsettled(self) -> bool:
        """Whether something waits for silence: a talk that parted, or what a list contradicts."""
        return bool(self.facts.partings or self.facts.doubts)

    @property
    def empty(self) -> bool:
        """Whether nothing goes on: no channel, conversation, wait or ring."""
        return next(self.facts.all_open(), None) is None

    def _time_of(self, at: float | None, now: float) -> float:
        """Of an event that carries no time, or none that is newer than all before it."""
        if at is None:
            return self._estimate(now)
        if at < self._clock - SET_BACK_S:
            self._settle_all()
            self._clock = 0.0
        if at > self._clock:
            self._clock, self._heard_at = at, now
        return at

    def _estimate(self, now: float) -> float:
        """Asterisk's time now, by the last event that carried one: the two clocks need not agree."""
        if not self._clock:
            return now
        return self._clock + max(0.0, now - self._heard_at)

    def _settle_all(self) -> None:
        """Asterisk's clock was set back: what waits for a time would wait for long."""
        self.facts.doubts.clear()
        self._settle(math.inf)

    def _settle(self, clock: float) -> None:
        """What was due before this moment, before anything newer is taken in."""
        facts = self.facts
        talks.settle(facts, clock)
        doubts.settle(facts, clock)
        seats.settle(facts, clock)
        if facts.revised:
            endings.look_again(facts)
        endings.forget(facts, clock)

    def _conclude(self, at: float) -> list[Change]:
        facts = self.facts
        if facts.revised:
            endings.look_again(facts)
        if facts.touched:
            for seat in facts.touched.values():
                seats.refresh(facts, seat, at)
            facts.touched = {}
        if not facts.changes:
            return []
        changes, facts.changes = facts.changes, []
        return changes
