"""The words of rows as people read them: one translatable label for every code that a page shows.

Called by templates as `label("posture", word)`. A code without a label here is shown as it is, so that a new word of
the ledger never breaks a page; a test demands a label for every word that the tables allow.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import callback_words, case_words, customer_words, import_words, program_words


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark `text` for the catalogs."""
    return text


LABELS: Mapping[str, Mapping[str, str]] = {
    "posture": {
        "unseen": N_("Phone not seen"),
        "offline": N_("Phone offline"),
        "degraded": N_("Phone lost"),
        "wrapping_up": N_("After-call work"),
        "paused": N_("Paused"),
        "talking": N_("Talking"),
        "ringing": N_("Ringing"),
        "ready": N_("Ready"),
        "pausing": N_("Going on a pause"),
        "unpausing": N_("Getting ready"),
        "signed_out": N_("Signed out"),
    },
    "pause_reason": {
        "break": N_("Short break"),
        "lunch": N_("Meal"),
        "meeting": N_("Meeting"),
        "training": N_("Training"),
        "coaching": N_("Coaching"),
        "other": N_("Other"),
        "ACW": N_("After-call work"),
        "RONA": N_("Calls were not taken"),
        "MISSED": N_("A call was not taken"),
        "RESERVED": N_("About to dial"),
        "DEVICE": N_("Phone lost"),
        "LEAVING": N_("Signing out"),
    },
    "extension": {
        "notes": N_("Notes to finish"),
        "case": N_("A case to write"),
        "callback": N_("A callback to arrange"),
        "colleague": N_("A colleague to ask"),
        "other": N_("Other"),
    },
    "wish": {
        "hang_up": N_("Hang up"),
        "send_keys": N_("Keys"),
        "mute": N_("Mute"),
        "unmute": N_("Be heard again"),
        "transfer": N_("Hand over"),
        "consult": N_("Ask first"),
        "consult_end": N_("End of asking"),
        "park": N_("Park"),
        "dial": N_("Dial"),
    },
    "wish_state": {
        "wanted": N_("asked"),
        "sent": N_("under way"),
        "confirmed": N_("done"),
        "refused": N_("refused"),
        "expired": N_("no answer in time"),
    },
    "phase": {
        "ringing": N_("Ringing"),
        "talking": N_("In conversation"),
        "wrapping_up": N_("After the call"),
    },
    "tier": {
        "key": N_("Key customer"),
        "main": N_("Main customer"),
        "ordinary": N_("Ordinary customer"),
        "small": N_("Small customer"),
    },
    "language": {"en": N_("English"), "zh": N_("Chinese")},
    "order_state": {
        "received": N_("received"),
        "paid": N_("paid"),
        "packed": N_("packed"),
        "shipped": N_("shipped"),
        "delivered": N_("delivered"),
        "cancelled": N_("cancelled"),
    },
    "figure": {
        "calls": N_("Calls answered"),
        "talk": N_("Talk a call"),
        "acw": N_("After-call work a call"),
        "occupancy": N_("Occupancy"),
        "missed": N_("Missed rings"),
        "outcome_share": N_("Calls with an outcome"),
    },
    "light": {"green": N_("on target"), "yellow": N_("near the target"), "red": N_("off target")},
    "direction": {"inbound": N_("in"), "outbound": N_("out"), "internal": N_("internal")},
    "conversation": {
        "answered": N_("answered"),
        "abandoned": N_("abandoned"),
        "no_answer": N_("no answer"),
        "busy": N_("busy"),
        "rejected": N_("rejected"),
        "cancelled": N_("cancelled"),
        "self_served": N_("served by the menu"),
        "callback_booked": N_("callback booked"),
        "voicemail": N_("voicemail"),
        "failed": N_("failed"),
        "lost_sight": N_("lost sight of"),
    },
    "wait": {
        "answered": N_("answered"),
        "abandoned": N_("abandoned"),
        "timeout": N_("waited too long"),
        "full": N_("queue full"),
        "join_empty": N_("nobody there"),
        "leave_empty": N_("everybody left"),
        "withdrawn": N_("withdrawn"),
        "key_exit": N_("left by a key"),
        "continued": N_("went on"),
        "lost_sight": N_("lost sight of"),
    },
    "offer": {
        "answered": N_("answered"),
        "no_answer": N_("not picked up"),
        "rejected": N_("rejected"),
        "busy": N_("busy"),
        "device_gone": N_("phone gone"),
        "caller_left": N_("caller left"),
        "taken_elsewhere": N_("taken elsewhere"),
        "lost_sight": N_("lost sight of"),
    },
    "ended_by": {
        "caller": N_("the caller hung up"),
        "agent": N_("the agent hung up"),
        "system": N_("the system ended it"),
        "unknown": N_("who hung up is not known"),
    },
    "visit": {
        "join_queue": N_("to a queue"),
        "voicemail": N_("voicemail"),
        "transfer": N_("transferred"),
        "goodbye": N_("said goodbye"),
        "callback": N_("callback booked"),
        "hung_up": N_("hung up"),
        "blocked": N_("turned away"),
        "failed": N_("failed"),
    },
    "ivr_what": {
        "visits": N_("Visits"),
        "drop_offs": N_("Hung up in a menu"),
        "served": N_("Served by the menu"),
        "repeats_48h": N_("Called again within 48 hours"),
    },
    "voicemail": {"new": N_("new"), "taken": N_("in hand"), "done": N_("done")},
    "timeline": {
        "conversation": N_("call"),
        "voicemail": N_("voicemail"),
        "callback": N_("callback"),
        "case": N_("case"),
        "order": N_("order of goods"),
        "note": N_("note"),
        "tier": N_("tier"),
    },
    "article": {"draft": N_("draft"), "published": N_("published"), "retired": N_("retired")},
    "standing": {"active": N_("active"), "at_risk": N_("May be lost"), "lapsed": N_("Lapsed")},
    "value_rule": {
        "window_days": N_("days whose orders count for frequency and money"),
        "weight_recency": N_("how much recency counts in the score"),
        "weight_frequency": N_("how much frequency counts in the score"),
        "weight_money": N_("how much money counts in the score"),
        "key_from": N_("the score from which on somebody is a key customer"),
        "main_from": N_("the score from which on somebody is a main customer"),
        "ordinary_from": N_("the score from which on somebody is an ordinary customer; below: small"),
        "risk_factor": N_("so many times their usual pause without an order is a risk"),
        "risk_days": N_("days without an order that are never a risk yet"),
        "risk_orders": N_("orders that it takes to know a usual pause"),
        "lapsed_days": N_("days without an order after which a customer has lapsed"),
    },
    "voicemail_list": {
        "open": N_("Open"),
        "new": N_("New"),
        "mine": N_("Mine"),
        "done": N_("Done"),
        "short": N_("Nothing said"),
        "all": N_("All"),
    },
    "role": {
        "agent": N_("Agent"),
        "supervisor": N_("Supervisor"),
        "quality": N_("Quality"),
        "department": N_("Department"),
        "admin": N_("Administrator"),
    },
    **callback_words.LABELS,
    **case_words.LABELS,
    **customer_words.CUSTOMER_LABELS,
    **import_words.IMPORT_LABELS,
    **program_words.PROGRAM_LABELS,
}

TONES: Mapping[str, Mapping[str, str]] = {
    "order_state": {
        "received": "",
        "paid": "cool",
        "packed": "cool",
        "shipped": "warm",
        "delivered": "good",
        "cancelled": "bad",
    },
    "voicemail": {"new": "warm", "taken": "cool", "done": "good"},
    "standing": {"active": "good", "at_risk": "warm", "lapsed": "bad"},
    "conversation": {"answered": "good", "self_served": "good", "abandoned": "bad", "failed": "bad"},
    **callback_words.TONES,
    **case_words.TONES,
}


def label_of(kind: str, code: str | None) -> str:
    """The English label, for gettext to translate; an unknown code is its own label."""
    if not code:
        return ""
    return LABELS.get(kind, {}).get(code, code)


def tone_of(kind: str, code: str | None) -> str:
    """The colour class of a badge; empty for the plain one."""
    return TONES.get(kind, {}).get(code or "", "")
