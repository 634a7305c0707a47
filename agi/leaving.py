"""Where a call goes next: what a caller meets there, and the channel variables that the dialplan branches by.

Called by the player, and by whoever simulates it. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from .answers import Routed
from .endings import BackToQueue, Ending, Goodbye, JoinQueue, Ring, Transfer, Voicemail

if TYPE_CHECKING:
    from crm.tables.visits import VisitEnding

ENDINGS: dict[type, VisitEnding] = {
    JoinQueue: "join_queue",
    Ring: "join_queue",
    Voicemail: "voicemail",
    Transfer: "transfer",
    Goodbye: "goodbye",
    BackToQueue: "join_queue",
}


class Met(Struct, frozen=True):
    """What a caller meets where a flow led: `prompts` are heard first; `closed_why`: what was asked for is closed."""

    ending: Ending
    prompts: tuple[str, ...] = ()
    closed_why: str | None = None


def joined(ending: Ending) -> JoinQueue | None:
    """The queue that an ending leads into, as it is asked for; None where it leads into none."""
    if isinstance(ending, Ring):
        return JoinQueue(ending.otherwise, last_agent_s=0)
    return ending if isinstance(ending, JoinQueue) else None


def variables(ending: Ending, routed: Routed) -> list[tuple[str, object]]:
    """The variables in the order they are set; NEXT_STEP is the last."""
    match ending:
        case JoinQueue(queue=queue):
            first = [("LAST_AGENT", routed.last_agent)] if routed.last_agent else []
            shown = [("DISPLAY", routed.display)] if routed.display else []
            return [("QUEUE", queue), ("CREDIT", routed.credit_s), *first, *shown, ("NEXT_STEP", "queue")]
        case Ring(to=to, otherwise=otherwise, for_s=for_s):
            # A seat's own queue of one, as for the agent who served the caller last.
            seat = f"{to}/{for_s}"
            shown = [("DISPLAY", routed.display)] if routed.display else []
            credit = ("CREDIT", routed.credit_s)
            return [("QUEUE", otherwise), credit, ("LAST_AGENT", seat), *shown, ("NEXT_STEP", "queue")]
        case Voicemail(box=box):
            return [("QUEUE", box), ("NEXT_STEP", "voicemail")]
        case Transfer(to=to):
            return [("TRANSFER_TO", to), ("NEXT_STEP", "transfer")]
        case Goodbye(promised=promised):
            return [("NEXT_STEP", "callback" if promised else "goodbye")]
        case BackToQueue():
            return [("NEXT_STEP", "queue")]
