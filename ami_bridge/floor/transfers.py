"""Rules for handing a caller over. The talk graph follows the legs by itself; here stands who did it, and how.

`outcome` is Asterisk's own word: success means that the caller was let go to the target, not that the target answered.
"""

from __future__ import annotations

import re

from ami_bridge.changes import CallerTransferred
from ami_bridge.events.transfers import AttendedTransfer, BlindTransfer
from crm.ledger.conversations import Transfer

from . import ids, talks
from .facts import Call, Facts, Ring

_FROM_PAGES = re.compile(r"^(?:seat-|queue-|out)")


def blind(facts: Facts, event: BlindTransfer, at: float) -> None:
    call = _call_of(facts, event.transferee_uniqueid, event.transferer_uniqueid)
    if call is not None:
        seat = _seat_of(facts, event.transferer_uniqueid)
        _say(facts, call, "blind", seat, _meant(event.extension), event.transferer_uniqueid, event.result, at)


def _meant(extension: str) -> str | None:
    """Where it leads; what pages send (dialplan/sent.conf) is called as a phone would call it."""
    return _FROM_PAGES.sub("", extension) or None


def attended(facts: Facts, event: AttendedTransfer, at: float) -> None:
    """Of the transferer's two legs the first talked with the caller, the second with the target."""
    call = _call_of(facts, event.transferee_uniqueid, event.first_uniqueid, event.second_uniqueid)
    if call is None:
        return
    seat = _seat_of(facts, event.first_uniqueid) or _seat_of(facts, event.second_uniqueid)
    consulted = _consulted(call, seat)
    # Letting go while the target still rings is a Bridge to Asterisk when keys did it, an App when the phone did.
    ringing = consulted is not None and not consulted.picked_up
    kind = "blonde" if event.dest_type == "App" or ringing else "attended"
    target = consulted.row.seat if consulted is not None else _target(facts, seat, event)
    target = target or event.second_connected or event.second_exten
    _say(facts, call, kind, seat, target, event.first_uniqueid, event.result, at)


def _say(
    facts: Facts, call: Call, kind: str, seat: str | None, target: str | None, uniqueid: str, result: str, at: float
) -> None:
    row = Transfer(
        ids.transfer_id(facts.node, call.row.id, uniqueid, at),
        call.row.id,
        facts.node,
        kind,
        seat,
        target,
        at,
        result.lower(),
    )
    facts.say(CallerTransferred(row))


def _call_of(facts: Facts, *uniqueids: str | None) -> Call | None:
    for uniqueid in uniqueids:
        channel = facts.channels.get(uniqueid or "")
        if channel is not None and channel.call is not None:
            return channel.call
    return None


def _consulted(call: Call, transferer: str | None) -> Ring | None:
    """The ring of the seat that was consulted by keys; a phone's own consult is another call to Asterisk."""
    for ring in reversed(call.rings):
        if ring.stay is None and ring.row.seat != transferer and ring.row.outcome in (None, "answered"):
            return ring
    return None


def _target(facts: Facts, transferer: str | None, event: AttendedTransfer) -> str | None:
    """The other seat that the target, or the caller already, hangs together with."""
    for uniqueid in (event.target_uniqueid, event.transferee_uniqueid):
        channel = facts.channels.get(uniqueid or "")
        for leg in talks.hang_together(channel) if channel is not None else ():
            if leg.seat is not None and leg.seat != transferer:
                return leg.seat
    return None


def _seat_of(facts: Facts, uniqueid: str | None) -> str | None:
    channel = facts.channels.get(uniqueid or "")
    return channel.seat if channel is not None else None
