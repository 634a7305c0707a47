"""The truth of each recorded trace, taken from the scripts in tests/traces/scenarios*.py, not from the floor.

`call`: direction, outcome, ended_by. `waits`: queue, outcome, seconds; `talks`: seat, seconds. A list: several
conversations, in the order they began.
"""

from __future__ import annotations

from typing import Any

SEAT_1, SEAT_2, SEAT_3 = "PJSIP/1001", "PJSIP/1002", "PJSIP/1003"
LOCAL, LOCAL_PHONE, LOCAL_FAR = "Local/201@sandbox-agents/n", "Local/1001@agent-local/n", "Local/301@agent-media"

MOBILE = "Local/8001@agent-mobile/n"

Truth = dict[str, Any]
PICKED_UP: Truth = {
    "call": ("inbound", "answered", "agent"),
    "offers": [(None, SEAT_1, "taken_elsewhere"), (None, SEAT_2, "answered")],
}
TRUTHS: dict[str, Truth | list[Truth]] = {
    "queue_agent_ends": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 1)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 2)],
    },
    "queue_caller_ends": {
        "call": ("inbound", "answered", "caller"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 2)],
    },
    "queue_abandoned": {
        "call": ("inbound", "abandoned", "caller"),
        "waits": [("reception", "abandoned", 1.5)],
        "offers": [("reception", SEAT_2, "caller_left")],
    },
    "queue_rejected": {
        "call": ("inbound", "abandoned", "caller"),
        "waits": [("reception", "abandoned", 1.1)],
        "offers": [("reception", SEAT_3, "rejected")],
    },
    "queue_timeout": {
        "call": ("inbound", "no_answer", "system"),
        "waits": [("all", "timeout", 6)],
        "offers": [("all", SEAT_2, "no_answer"), ("all", SEAT_2, "no_answer")],
    },
    "queue_join_empty": {
        "call": ("inbound", "voicemail", "caller"),
        "waits": [("reception", "join_empty", 0)],
    },
    "queue_withdrawn": {
        "call": ("inbound", "no_answer", "system"),
        "waits": [("all", "withdrawn", 1.6)],
    },
    "queue_ring_all": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("all", "answered", 1)],
        "offers": [("all", SEAT_1, "answered"), ("all", SEAT_2, "taken_elsewhere")],
        "talks": [(SEAT_1, 2)],
    },
    "after_call_work": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 2)],
    },
    "local_member": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 1)],
        "offers": [("reception", LOCAL, "answered")],
        "talks": [(LOCAL, 2.5)],
    },
    "local_phone": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", LOCAL_PHONE, "answered")],
        "talks": [(LOCAL_PHONE, 3)],
    },
    "local_optimized": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 1)],
        "offers": [("reception", LOCAL_FAR, "answered")],
        "talks": [(LOCAL_FAR, 3.5)],
    },
    "transfer_blind": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.5), (SEAT_2, 2)],
        "transfers": [("blind", SEAT_1, "1002", "success")],
    },
    "transfer_attended": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.7), (SEAT_2, 6.2)],
        "transfers": [("attended", SEAT_1, SEAT_2, "success")],
    },
    "transfer_blonde": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.7), (SEAT_2, 2)],
        "transfers": [("blonde", SEAT_1, SEAT_2, "success")],
    },
    "direct_answered": {
        "call": ("inbound", "answered", "agent"),
        "offers": [(None, SEAT_1, "answered")],
        "talks": [(SEAT_1, 2)],
    },
    "direct_no_answer": {"call": ("inbound", "no_answer", "system"), "offers": [(None, SEAT_1, "no_answer")]},
    "direct_rejected": {"call": ("inbound", "rejected", "system"), "offers": [(None, SEAT_1, "rejected")]},
    "direct_group": {
        "call": ("inbound", "answered", "agent"),
        "offers": [(None, SEAT_1, "answered"), (None, SEAT_2, "taken_elsewhere")],
        "talks": [(SEAT_1, 2)],
    },
    "ivr_self_served": {"call": ("inbound", "self_served", "system")},
    "ivr_hung_up": {"call": ("inbound", "abandoned", "caller")},
    "click_to_dial_colleague": {
        "call": ("internal", "answered", "agent"),
        "offers": [(None, SEAT_2, "answered")],
        "talks": [(SEAT_2, 2)],
    },
    "outbound_answered": {"call": ("outbound", "answered", "caller"), "talks": [(SEAT_1, 2)]},
    "outbound_rejected": {"call": ("outbound", "rejected", "caller")},
    "looked_at": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 2.5)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 4)],
    },
    "queue_again": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("all", "timeout", 3), ("all", "answered", 1.5)],
        "offers": [("all", SEAT_2, "answered")],
        "talks": [(SEAT_2, 1)],
    },
    "queue_overflow": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("all", "timeout", 3), ("linear", "answered", 0.5)],
        "offers": [("all", SEAT_1, "no_answer"), ("linear", SEAT_2, "answered")],
        "talks": [(SEAT_2, 2)],
    },
    "queue_group": [
        {
            "call": ("inbound", "answered", "agent"),
            "waits": [("linear", "answered", 1)],
            "offers": [("linear", seat, "answered")],
            "talks": [(seat, 2)],
        }
        for seat in (SEAT_1, SEAT_2)
    ],
    "accepted_by_key": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 1.5)],
        "offers": [("reception", MOBILE, "answered")],
        "talks": [(MOBILE, 2)],
    },
    "hold_and_back": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 4)],
        "held": [(SEAT_1, 2)],
    },
    "consult_and_back": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 4.5)],
        "held": [(SEAT_1, 2.5)],
    },
    "transfer_phone_attended": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 3.5), (SEAT_2, 3)],
        "held": [(SEAT_1, 2.5), (SEAT_2, 0)],
        "transfers": [("attended", SEAT_1, SEAT_2, "success")],
    },
    "transfer_phone_blonde": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.5), (SEAT_2, 2)],
        "held": [(SEAT_1, 0.5), (SEAT_2, 0)],
        "transfers": [("blonde", SEAT_1, SEAT_2, "success")],
    },
    "transfer_phone_blind": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 2), (SEAT_2, 2)],
        "transfers": [("blind", SEAT_1, "1002", "success")],
    },
    "callers_joined": [
        {
            "call": ("inbound", "answered", "caller"),
            "offers": [(None, SEAT_1, "answered")],
            "talks": [(SEAT_1, 3.6)],
            "held": [(SEAT_1, 2.6)],
            "transfers": [("attended", SEAT_1, "13800138046", "success")],
        },
        # Nobody hung up on this caller's line: it ended because the other one left.
        {
            "call": ("inbound", "answered", "system"),
            "offers": [(None, SEAT_1, "answered")],
            "talks": [(SEAT_1, 2)],
        },
    ],
    "three_way": {
        "call": ("inbound", "answered", "caller"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.5), (SEAT_2, 6.6), (SEAT_1, 1.6)],
        "transfers": [("attended", SEAT_1, SEAT_2, "success")],
    },
    # Asterisk waits half a second for the first voice of the phone that takes the call; these phones have none.
    "pickup_of_a_queue_call": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 1.5)],
        "offers": [("reception", SEAT_1, "taken_elsewhere"), ("reception", SEAT_2, "answered")],
        "talks": [(SEAT_2, 1.5)],
        "handled": [SEAT_2],
    },
    "pickup_of_a_direct_call": PICKED_UP | {"talks": [(SEAT_2, 1.5)]},
    "pickup_of_one_seat": PICKED_UP | {"talks": [(SEAT_2, 1.5)]},
    "pickup_by_replaces": PICKED_UP | {"talks": [(SEAT_2, 2)]},
    "forward_302": PICKED_UP | {"talks": [(SEAT_2, 2)]},
    "forward_302_in_a_queue": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "taken_elsewhere"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_2, 2)],
        "handled": [SEAT_2],
    },
    "forward_local": {
        "call": ("inbound", "answered", "agent"),
        "offers": [(None, SEAT_2, "answered")],
        "talks": [(SEAT_2, 2)],
    },
    "parked_and_taken": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1), (SEAT_2, 1.5)],
        "transfers": [("blind", SEAT_1, "700", "success")],
    },
    "parked_and_left": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5), ("reception", "answered", 0.5)],
        "offers": [
            ("reception", SEAT_1, "answered"),
            (None, SEAT_1, "rejected"),
            ("reception", SEAT_2, "answered"),
        ],
        "talks": [(SEAT_1, 1), (SEAT_2, 2)],
        "transfers": [("blind", SEAT_1, "700", "success")],
    },
    "colleague": {
        "call": ("internal", "answered", "caller"),
        "offers": [(None, SEAT_1, "answered")],
        "talks": [(SEAT_1, 2)],
    },
    "colleague_handed_on": {
        "call": ("internal", "answered", "agent"),
        "offers": [(None, SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1), (SEAT_2, 2)],
        "transfers": [("blind", SEAT_3, "1002", "success")],
    },
    "transfer_attended_rejected": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "rejected")],
        "talks": [(SEAT_1, 1.5), (SEAT_1, 2)],
    },
    "transfer_attended_recalled": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "rejected")],
        "talks": [(SEAT_1, 1.5), (SEAT_1, 2)],
        "transfers": [("attended", SEAT_1, "1002", "success")],
    },
    "transfer_blind_unanswered": {
        "call": ("inbound", "answered", "system"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "rejected")],
        "talks": [(SEAT_1, 1)],
        "transfers": [("blind", SEAT_1, "1002", "success")],
    },
    # The caller is out of it; what the two seats say to each other afterwards is no talk with a caller.
    "transfer_blind_by_caller": {
        "call": ("inbound", "answered", "system"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 1)],
        "transfers": [("blind", None, "1002", "success")],
    },
    "page_hangs_up": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 1)],
    },
    "page_sends_on": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1), (SEAT_2, 2)],
        "transfers": [("blind", SEAT_1, "1002", "success")],
    },
    "page_asks_and_lets_go": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.5), (SEAT_2, 2)],
        "held": [(SEAT_1, 0.25), (SEAT_2, 0)],
        "transfers": [("attended", SEAT_1, SEAT_2, "success")],
    },
    "page_asks_and_goes_back": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.5), (SEAT_1, 1)],
        "held": [(SEAT_1, 0.25), (SEAT_1, 0)],
    },
    "page_asks_in_vain": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "rejected")],
        "talks": [(SEAT_1, 5.5), (SEAT_1, 3)],
        "held": [(SEAT_1, 0.5), (SEAT_1, 0)],
    },
    "transfer_into_a_queue": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5), ("all", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), ("all", SEAT_2, "answered")],
        "talks": [(SEAT_1, 1), (SEAT_2, 2)],
        "transfers": [("blind", SEAT_1, "700", "success")],
    },
}


def _one_by_one(strategy: str, first: str, second: str) -> list[Truth]:
    return [
        {
            "call": ("inbound", "answered", "agent"),
            "waits": [(strategy, "answered", 0.5)],
            "offers": [(strategy, seat, "answered")],
            "talks": [(seat, 1)],
        }
        for seat in (first, second)
    ]


class _Either(str):
    """A strategy that draws lots may ring any of its seats."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other in (SEAT_1, SEAT_2)

    __hash__ = str.__hash__


TRUTHS |= {
    # By the strategies' own definitions: linear begins at the top each time, the others move on to the idler seat.
    "strategy_linear": _one_by_one("linear", SEAT_1, SEAT_1),
    "strategy_rrmemory": _one_by_one("rrmemory", SEAT_1, SEAT_2),
    **{
        f"strategy_{strategy}": _one_by_one(strategy, _Either(SEAT_1), _Either(SEAT_1))
        for strategy in ("leastrecent", "fewestcalls", "random", "wrandom")
    },
}
TAKES_TURNS = ("strategy_leastrecent", "strategy_fewestcalls", "strategy_rrmemory")
