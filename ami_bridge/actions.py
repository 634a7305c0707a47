"""A wish → AMI headers in the order they are sent, and how its confirmation looks.

Called by mirror.py (looks, the after-call work pause) and outbox.py (wishes). Nothing here sends or refuses: a value
that would arrive as another header is refused where bytes leave (sending.refuse_unsendable), whoever made it. Pure.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from ami_bridge.changes import CallHandled, Change, MemberSeen, MembershipChanged, PauseSeen
from ami_bridge.sending import Headers
from crm.ledger.requests import OwnWish, Wish
from crm.rules.pause_steps import ACW, PAUSING, Standing, Step, fulfils

LOOK = "kefu-look-"
"""ActionIDs of lists that the floor is compared with begin so."""

_OWN_WISHES = UUID("0a5b2a52-6a0b-5f0e-8f4e-3f8f0a3f7c11")
ANSWER_SETTLES = frozenset({"reload_rules", "set_priority", "withdraw"})
"""Wishes of which Asterisk sends no event when they come true: its answer is its word."""
ABOUT_CALLERS = frozenset({"set_priority", "withdraw"})
_ALREADY = {
    "add_member": "already there",
    "remove_member": "not there",
}


def login(username: str, secret: str) -> Headers:
    """Log in with plain events on."""
    return {"Action": "Login", "Username": username, "Secret": secret, "Events": "on"}


def ping() -> Headers:
    return {"Action": "Ping"}


def look() -> list[Headers]:
    """The lists of one look at everything, in the order to send them: members first, so that seats are known."""
    return [
        {"Action": "QueueStatus", "ActionID": f"{LOOK}queues"},
        {"Action": "CoreShowChannels", "ActionID": f"{LOOK}channels"},
        {"Action": "DeviceStateList", "ActionID": f"{LOOK}devices"},
    ]


def headers_of(wish: Wish, channel: str | None = None) -> Headers:
    """The action that carries out a wish. What the wish lacks, Asterisk refuses in its own words.

    `channel`: the name of the caller's channel, for wishes about a caller who waits.
    """
    if wish.kind == "reload_rules":
        return {"Action": "QueueReload", "ActionID": wish.id, "Rules": "yes"}
    if wish.kind in ABOUT_CALLERS:
        return _about_caller(wish, channel or "")
    named = {"ActionID": wish.id, "Interface": wish.seat}
    if wish.kind == "add_member":
        return adding(wish, Standing())[0]
    if wish.kind == "remove_member":
        return {"Action": "QueueRemove", **named, "Queue": wish.queue or ""}
    if wish.kind == "set_penalty":
        return {"Action": "QueuePenalty", **named, "Queue": wish.queue or "", "Penalty": str(wish.penalty or 0)}
    return pause_headers(wish, Step(wish.kind == "pause", wish.reason))


def adding(wish: Wish, now: Standing) -> list[Headers]:
    """Add a seat to a queue as it stands; QueueAdd takes no reason, so that one follows."""
    place = {"Interface": wish.seat, "Queue": wish.queue or ""}
    paused = "true" if now.paused else "false"
    add = {"Action": "QueueAdd", "ActionID": wish.id, **place, "Penalty": str(wish.penalty or 0), "Paused": paused}
    if not now.paused or now.reason is None:
        return [add]
    return [add, {"Action": "QueuePause", **place, "Paused": "true", "Reason": now.reason}]


def pause_headers(wish: Wish, step: Step) -> Headers:
    """What a wish about a pause comes to now (crm/rules/pause_steps.py)."""
    headers = {"Action": "QueuePause", "ActionID": wish.id, "Interface": wish.seat}
    headers["Paused"] = "true" if step.paused else "false"
    if wish.queue is not None:
        headers["Queue"] = wish.queue
    if step.reason:
        headers["Reason"] = step.reason
    return headers


def _about_caller(wish: Wish, channel: str) -> Headers:
    about = {"ActionID": wish.id, "Queue": wish.queue or "", "Caller": channel}
    if wish.kind == "withdraw":
        return {"Action": "QueueWithdrawCaller", **about, "WithdrawInfo": wish.reason or ""}
    # Immediate is unknown to 16: it says Success, and nobody moves. Whoever asks there withdraws instead.
    return {
        "Action": "QueueChangePriorityCaller",
        **about,
        "Priority": str(wish.priority or 0),
        "Immediate": "yes",
    }


def begin_after_call_work(
    handled: CallHandled, node: str, now: float, expiry_s: float, step: Step | None = None
) -> tuple[OwnWish, Headers]:
    """The pause that leaves on AgentComplete, in all queues of the seat: sent at once, the seat is not rung again.

    Its row is written already sent. The id derives from the call, so that a replay writes no second wish. `step`: with
    the pause that follows it.
    """
    row = OwnWish(
        str(uuid5(_OWN_WISHES, f"{node}\0{handled.seat}\0{handled.conversation_id}\0{handled.at:.6f}")),
        node,
        "pause",
        handled.seat,
        ACW,
        "bridge",
        handled.conversation_id,
        "sent",
        now,
        now,
        now + expiry_s,
    )
    wish = Wish(row.id, row.kind, row.seat, None, ACW, None, row.conversation_id, now)
    return row, pause_headers(wish, step or Step(True, ACW))


def settles(wish: Wish, change: Change, step: Step | None = None) -> bool:
    """Whether this change is Asterisk's own word that the wish came true. `step`: as what it was sent, where known."""
    if isinstance(change, PauseSeen) and wish.seat == change.seat:
        if wish.kind not in PAUSING:
            return False
        if step is not None:
            return change.paused == step.paused and (not step.paused or (change.reason or None) == step.reason)
        return fulfils(wish.kind, wish.reason, paused=change.paused, said=change.reason)
    if isinstance(change, MemberSeen) and (wish.seat, wish.queue) == (change.seat, change.queue):
        return wish.kind == ("add_member" if change.present else "remove_member")
    if isinstance(change, MembershipChanged) and wish.kind == "set_penalty":
        row = change.membership
        return (wish.seat, wish.queue, wish.penalty) == (row.seat, row.queue, row.penalty)
    return False


def already_so(wish: Wish, message: str) -> bool:
    """Whether Asterisk refused the wish only because it had come true before."""
    return wish.kind in _ALREADY and _ALREADY[wish.kind] in message.lower()
