"""The things on the floor, and the one place that holds them all.

A fact is a mutable Struct; the ledger row it will become hangs on it. Modules beside this one change facts and say
what changed; none of them keeps anything of its own. Nothing here decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec import Struct, field

from ami_bridge.changes import Change
from ami_bridge.events.lists import QueueEntry
from crm.ledger.callbacks import AttemptFacts
from crm.ledger.conversations import Conversation, Offer, Segment, Wait
from crm.ledger.postures import Membership, Posture, Sight

SET_BACK_S = 60.0
"""A time so much older than what is known is no stale news: Asterisk's clock was set back."""

GONE_AT_MOST = 4096


class Bridge(Struct, eq=False):
    """Channels that hear each other; in a `holding` one they hear music."""

    id: str
    holding: bool = False
    members: dict[str, Channel] = field(default_factory=dict)


class Channel(Struct, eq=False):
    """One leg. `base`: its name without the unique ending; `half`: 1 or 2 of a Local pair, 0 for a real leg.

    `seat`: the seat it belongs to or speaks for. `phone_behind`: the agent's real phone was rung through this pair, so
    the pair is only a wire. `consult`: begun by a seat in the middle of a talk, never a conversation of its
    own; `asks_for`: the conversation of that talk. `hung_up`: its far end did.
    """

    uniqueid: str
    name: str
    linkedid: str
    known_at: float
    base: str
    half: int
    partner: Channel | None = None
    call: Call | None = None
    seat: str | None = None
    phone_behind: bool = False
    consult: bool = False
    asks_for: Call | None = None
    hung_up: bool = False
    bridge: Bridge | None = None
    bridge_at: float = 0.0
    caller: str | None = None
    caller_name: str | None = None
    exten: str | None = None
    rings: bool = False
    listed: str | None = None


class Stay(Struct, eq=False):
    """One stay in one queue. `settled`: its outcome is final, not only what the next event may better explain."""

    row: Wait
    call: Call
    settled: bool = False
    listed: str | None = None


class Ring(Struct, eq=False):
    """One ringing of one seat. `settled` as in Stay; `picked_up`: the phone answered, the talk is still to come;
    `taken_from`: the seat that was rung, when another seat's phone took the call over; `forwarded`: the
    phone sent the call on."""

    row: Offer
    call: Call
    dest: str
    stay: Stay | None
    picked_up: bool = False
    handled: bool = False
    settled: bool = False
    taken_from: str | None = None
    forwarded: bool = False


class Talk(Struct, eq=False):
    """A seat and a party hang together through `legs`. `parted_at`: they do not now, and may again within a moment;
    `stays`: the talk is over and the seat keeps its leg."""

    row: Segment
    call: Call
    party: str
    ring: Ring | None
    legs: frozenset[str] = frozenset()
    parted_at: float | None = None
    held_at: float | None = None
    stays: bool = False


class Call(Struct, eq=False):
    """What is known of a conversation. `parties`: the legs of whom the seats talk with; `first`: whose leg began it.

    `caller_asked`, `agent_asked`: when that side hung up. `unsaid`: a seat lifted its phone, and it is not known yet
    whether that becomes a conversation or takes over somebody else's.
    """

    row: Conversation
    first: str
    channels: dict[str, Channel] = field(default_factory=dict)
    parties: dict[str, Channel] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)
    talks: dict[str, Talk] = field(default_factory=dict)
    past_talks: list[Talk] = field(default_factory=list)
    handled: set[str] = field(default_factory=set)
    talked: bool = False
    next_step: str | None = None
    voicemail: bool = False
    dialled_out: str | None = None
    recalled: bool = False
    last_leg_at: float = 0.0
    caller_asked: float | None = None
    agent_asked: float | None = None
    lost: bool = False
    unsaid: bool = False


class Member(Struct, eq=False):
    """A seat's place in one queue; `at`: how new this is."""

    row: Membership
    at: float
    reason: str | None = None
    listed: str | None = None


class Seat(Struct, eq=False):
    """A device an agent sits at. `watched`: the device whose state counts, when a queue watches another than it rings;
    `next_reason`: the pause after the after-call work; `handled`: the conversation it was last done with;
    `last_talk`: which may be over; `rang_at`: its device last rang;
    `due_until`: after-call work is due that long, not confirmed yet; `due_about`: of which conversation; `due_after`:
    the last talk whose end was seen to.
    """

    name: str
    members: dict[str, Member] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    rings: dict[str, Ring] = field(default_factory=dict)
    talks: dict[str, Talk] = field(default_factory=dict)
    watched: str | None = None
    device: str | None = None
    device_at: float = 0.0
    rang_at: float = 0.0
    pause_at: float = 0.0
    reason: str | None = None
    next_reason: str | None = None
    handled: str | None = None
    last_talk: Talk | None = None
    due_until: float | None = None
    due_about: str | None = None
    due_after: Talk | None = None
    seen: bool = True
    listed: str | None = None
    row: Posture | None = None


class Look(Struct, eq=False):
    """A list being heard. `mark` is left on what it shows; `first`: the first of its kind since sight was found."""

    mark: str
    began_at: float
    first: bool


class Doubt(Struct, eq=False):
    """A list contradicts the floor. Believed only when no event explains it before `due`.

    `ended_at`: when what is doubted was last seen; `said`: what the list says of it; `listed`: the list it last stood
    in when the doubt arose.
    """

    due: float
    at: float
    ended_at: float
    about: Channel | Call | Stay | Member | Seat
    listed: str | None
    said: object = None


class Facts:
    """All that is known of one node. `after_call_work`: whether somebody pauses each seat that a queue is done with."""

    def __init__(self, node: str, *, after_call_work: bool = False) -> None:
        self.node = node
        self.after_call_work = after_call_work
        self.channels: dict[str, Channel] = {}
        self.halves: dict[str, Channel] = {}
        self.gone: dict[str, float] = {}
        self.bridges: dict[str, Bridge] = {}
        self.places: dict[str, AttemptFacts] = {}
        self.calls: dict[str, Call] = {}
        self.stays: dict[tuple[str, str], Stay] = {}
        self.rings: dict[str, Ring] = {}
        self.seats: dict[str, Seat] = {}
        self.sits: dict[str, str] = {}
        self.devices: dict[str, tuple[str, float]] = {}
        self.partings: deque[tuple[float, Talk]] = deque()
        self.endings: deque[tuple[float, Call]] = deque()
        self.doubts: deque[Doubt] = deque()
        self.dues: deque[tuple[float, Seat]] = deque()
        self.sight = Sight(node)
        self.found_at = 0.0
        self.lost_at: float | None = None
        self.looks: dict[str, Look] = {}
        self.first_looks: set[str] = set()
        self.entries: dict[str, tuple[QueueEntry, float, str | None]] = {}
        self.changes: list[Change] = []
        self.touched: dict[str, Seat] = {}
        self.revised: dict[str, Call] = {}

    def say(self, change: Change) -> None:
        self.changes.append(change)

    def revise(self, call: Call) -> None:
        """More is known of this conversation: if it has ended, its ending is looked at again."""
        if call.row.ended_at is not None:
            self.revised[call.row.id] = call

    def seat(self, name: str) -> Seat:
        """The seat of this name, touched: its posture is looked at again when the event has been taken in."""
        seat = self.seats.get(name)
        if seat is None:
            seat = self.seats[name] = Seat(name)
            self.sits.setdefault(base_of_interface(name), name)
            if known := self.devices.pop(name, None):
                seat.device, seat.device_at = known
        self.touched[name] = seat
        return seat

    def bury(self, uniqueid: str, at: float) -> None:
        """Remember for a while that a channel is gone: a late or doubled event must not raise it again."""
        if len(self.gone) >= GONE_AT_MOST:
            del self.gone[next(iter(self.gone))]
        self.gone[uniqueid] = at

    def buried(self, uniqueid: str, at: float) -> bool:
        gone_at = self.gone.get(uniqueid)
        return gone_at is not None and at <= gone_at

    def all_open(self) -> Iterator[object]:
        """Whatever is still going on; nothing on a floor at rest."""
        yield from self.channels.values()
        yield from self.calls.values()
        yield from self.rings.values()
        yield from self.stays.values()
        yield from (bridge for bridge in self.bridges.values() if bridge.members)


def newer(at: float, known: float) -> bool:
    """Whether news of `at` may overwrite what is known since `known`."""
    return at >= known or at < known - SET_BACK_S


def base_of_channel(name: str) -> str:
    """PJSIP/1001-0000002a → PJSIP/1001."""
    return name.rpartition("-")[0] or name


def base_of_interface(interface: str) -> str:
    """Local/201@agents/n → Local/201@agents; what its channels' names begin with."""
    if interface.startswith("Local/"):
        technology, _, rest = interface.partition("/")
        return f"{technology}/{rest.partition('/')[0]}"
    return interface


def half_of(name: str) -> int:
    return 1 if name.endswith(";1") else 2 if name.endswith(";2") else 0
