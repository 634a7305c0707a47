"""Wishes about a call that a seat has: what is asked of Asterisk, and which of its words says that it came true.

A wish names seat and conversation; the floor says what that seat has in its hands when the wish is sent. Transfers lead
into contexts that nothing else enters (asterisk-conf/dialplan/sent.conf). Called by outbox.py. Pure: no clock, no I/O.
"""

from __future__ import annotations

from ami_bridge.changes import (
    AgentRung,
    AskedInVain,
    CallerParked,
    CallerTransferred,
    Change,
    LegGone,
    TalkBegan,
    TalkEnded,
)
from ami_bridge.floor.hands import Hands
from ami_bridge.floor.legs import HUNG_UP_FOR_AGENT
from ami_bridge.sending import Headers
from crm.ledger.requests import Wish

TO, CONSULT, PARKING, PARK_SPACE = "kefu-to", "kefu-consult", "parkedcalls", "700"
CONSULT_KEYS = {"cancel": "*1", "complete": "*2", "join": "*3", "swap": "*4"}
"""What features.conf calls atxferabort, atxfercomplete, atxferthreeway and atxferswap."""
KEY_MS = 60
"""Asterisk takes no other action of ours while a key sounds: short, and heard by any menu."""

ABOUT_CALLS = frozenset({"hang_up", "send_keys", "mute", "unmute", "transfer", "consult", "consult_end", "park"})
ANSWERED = frozenset({"send_keys", "mute", "unmute"})
"""Those of which Asterisk sends no event: its last answer is its word."""
_NOT_WHILE_CONSULTING = frozenset({"hang_up", "send_keys", "transfer", "consult", "park"})


def asked(wish: Wish, hands: Hands | None) -> list[Headers] | str:
    """The actions in their order, with the wish's id on the last one; else in one sentence why it cannot be."""
    if hands is None:
        return "the call is over at this phone"
    if hands.consults and wish.kind in _NOT_WHILE_CONSULTING:
        return "a colleague is being asked: leave the two together, or go back to the caller first"
    if wish.kind == "consult_end" and not hands.consults:
        return "nobody is being asked by keys: what the phone began on its other line is ended on the phone"
    if wish.kind == "send_keys" and hands.party is None:
        return "there is nobody on the other end yet"
    actions = [{"Action": name, **more} for name, more in _actions(wish, hands)]
    actions[-1]["ActionID"] = wish.id
    return list(actions)


def _actions(wish: Wish, hands: Hands) -> list[tuple[str, dict[str, str]]]:
    leg, target = {"Channel": hands.leg}, wish.target or ""
    if wish.kind == "hang_up":
        return [("Hangup", {**leg, "Cause": str(HUNG_UP_FOR_AGENT)})]
    if wish.kind == "send_keys":
        heard = {"Channel": hands.party or "", "Duration": str(KEY_MS)}
        return [("PlayDTMF", {**heard, "Digit": key}) for key in target] or [("PlayDTMF", heard)]
    if wish.kind in ("mute", "unmute"):
        value = "on" if wish.kind == "mute" else "off"
        return [("Setvar", {**leg, "Variable": "MUTEAUDIO(in)", "Value": value})]
    if wish.kind == "consult":
        return [("Atxfer", {**leg, "Context": CONSULT, "Exten": target})]
    if wish.kind == "consult_end":
        keys = CONSULT_KEYS.get(target, "")
        return [("PlayDTMF", {**leg, "Digit": key, "Receive": "true"}) for key in keys] or [("PlayDTMF", leg)]
    if wish.kind == "park":
        return [("BlindTransfer", {**leg, "Context": PARKING, "Exten": PARK_SPACE})]
    return [("BlindTransfer", {**leg, "Context": TO, "Exten": target})]


def consult_forgotten(hands: Hands) -> Headers:
    """Takes off what Atxfer left on the seat's channel: the phone's own transfers would follow the page's context."""
    return {"Action": "Setvar", "Channel": hands.leg, "Variable": "TRANSFER_CONTEXT", "Value": ""}


def settled(wish: Wish, hands: Hands | None, change: Change) -> str | None:
    """What this change says of the wish: "" that it came true, a word more where Asterisk gave one; None: nothing.
    `hands`: None for what an earlier bridge sent."""
    if isinstance(change, LegGone):
        own = change.uniqueid == hands.uniqueid if hands is not None else change.seat == wish.seat
        return "" if wish.kind == "hang_up" and own else None
    if isinstance(change, CallerParked):
        return change.space if wish.kind == "park" and change.conversation_id == wish.conversation_id else None
    return "" if _came_true(wish, change) else None


_IN_VAIN = {17: "the other side is busy", 18: "nobody answered there", 19: "nobody answered there"}


def refused(wish: Wish, change: Change) -> str | None:
    """Why this change says that the wish will not come true; None: it does not say so."""
    if not isinstance(change, AskedInVain) or wish.kind != "consult":
        return None
    if (change.conversation_id, change.number) != (wish.conversation_id, wish.target):
        return None
    return _IN_VAIN.get(change.cause, "the other side cannot be reached")


def _came_true(wish: Wish, change: Change) -> bool:
    if isinstance(change, CallerTransferred):
        row = change.transfer
        if (row.conversation_id, row.from_seat) != (wish.conversation_id, wish.seat) or row.outcome != "success":
            return False
        if wish.kind == "transfer":
            return row.kind == "blind"
        return wish.kind == "consult_end" and row.kind != "blind" and wish.target in ("complete", "join")
    if isinstance(change, AgentRung):
        offer = change.offer
        other = offer.conversation_id == wish.conversation_id and offer.seat != wish.seat and offer.wait_id is None
        return wish.kind == "consult" and other
    if isinstance(change, TalkBegan | TalkEnded):
        if (change.segment.conversation_id, change.segment.seat) != (wish.conversation_id, wish.seat):
            return False
        if isinstance(change, TalkBegan):
            return wish.kind == "consult_end" and wish.target in ("cancel", "swap", "join")
        away = wish.kind == "consult" or (wish.kind == "consult_end" and wish.target == "swap")
        return away and change.stays
    return False


SETTLING: tuple[type[Change], ...] = (
    *(LegGone, CallerParked, CallerTransferred, AgentRung, TalkBegan, TalkEnded, AskedInVain),
)
