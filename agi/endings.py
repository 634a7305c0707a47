"""Where a call flow may end: what its generator returns, and the dialplan then does.

The player turns an ending into channel variables (leaving.py); the dialplan branches by them. Pure.
"""

from __future__ import annotations

from msgspec import Struct


class JoinQueue(Struct, frozen=True, tag=True):
    """`credit_s`: seconds of waiting that the flow itself gives, on top of what the caller has by worth or promise.

    `last_agent_s`: how long to wait for the agent who served this caller last; None: as the queue's row says."""

    queue: str
    credit_s: int = 0
    last_agent_s: int | None = None


class Ring(Struct, frozen=True, tag=True):
    """Ring one person for `for_s`; when they cannot be reached, the caller joins the queue."""

    to: str
    otherwise: str
    for_s: int = 20


class Voicemail(Struct, frozen=True, tag=True):
    """Leave a message; `box` is the queue whose people will hear it."""

    box: str


class Transfer(Struct, frozen=True, tag=True):
    """On to a number inside the house; a seat that is not reached leads to reception."""

    to: str


class Goodbye(Struct, frozen=True, tag=True):
    """Hang up. `served`: the caller got the answer asked for; `promised`: the caller is called back."""

    served: bool
    promised: bool = False


class BackToQueue(Struct, frozen=True, tag=True):
    """To the queue that the caller left by a key, with the place of the first join."""


Ending = JoinQueue | Ring | Voicemail | Transfer | Goodbye | BackToQueue
