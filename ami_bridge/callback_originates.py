"""The one action by which a try to call back leaves, in both ways of dialling. Called by promises.py. Pure.

ChannelId is the row's id: while that channel lives, a second one is refused by Asterisk itself.
"""

from __future__ import annotations

import re

from crm.deeds.place_callbacks import Place

from .sending import Headers

KNOWN_QUEUE = re.compile(r"[a-z][a-z0-9_]{1,60}")
ANSWERED_WITHIN_S = 180
"""Beyond what the dialplan lets the customer's phone ring, and the customer think about a key."""


def originate(place: Place) -> Headers:
    """Agent first: half 2 waits in the queue, half 1 dials when an agent is there; its timeout is beyond the place's
    own, which the dialplan keeps. Customer first: half 2 dials and greets, half 1 goes into the queue then."""
    owner = f",LAST_AGENT={place.owner}" if place.owner else ""
    called = f"{place.language}-{place.number_e164.lstrip('+')}"
    if place.seat:
        channel, then = f"Local/{called}@kefu-callback-dial/n", ("kefu-callback-chose", place.queue)
        within_s = ANSWERED_WITHIN_S
    else:
        channel, then = f"Local/{place.queue}-{place.limit_s}@kefu-callback/n", ("kefu-callback-dial", called)
        within_s = place.limit_s + 60
    return {
        "Action": "Originate",
        "ActionID": place.attempt_id,
        "ChannelId": place.attempt_id,
        "Channel": channel,
        "Context": then[0],
        "Exten": then[1],
        "Priority": "1",
        "Async": "true",
        "Timeout": str(within_s * 1000),
        "CallerID": f'"{place.name}" <{place.number_e164}>' if place.name else place.number_e164,
        "Variable": f"JOINED={place.joined_at},CREDIT={place.credit_s},MATTER={place.source}{owner}",
    }
