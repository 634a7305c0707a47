"""One step as written → the act of its node. Called by building.py, which says where the act's outcomes lead. Pure."""

from __future__ import annotations

from agi.endings import Ending, Goodbye, JoinQueue, Ring, Transfer, Voicemail

from .step_reading import Raw
from .tree import Act, Collect, LookUp, Promise, RecordVoice, Run, Survey, When


def ending_of(raw: Raw) -> Ending:
    """Where the caller leaves the menu."""
    what = raw.values[raw.act]
    match raw.act:
        case "queue":
            return JoinQueue(what, credit_s=raw.values.get("credit_s", 0))
        case "ring":
            queue, for_s = raw.values.get("otherwise", ""), int(raw.values.get("for_s", 20))
            return JoinQueue(queue, last_agent_s=for_s) if what == "last_agent" else Ring(what, queue, for_s)
        case "transfer":
            return Transfer(what)
        case "voicemail":
            return Voicemail(what)
    return Goodbye(served=False)


def collect_of(raw: Raw, tries: int, timeout_s: float) -> Collect:
    """A question for digits."""
    least, most = raw.values.get("digits", (1, 1))
    return Collect(
        ask=raw.values["collect"],
        into=raw.values.get("into", ""),
        least=least,
        most=most,
        tries=tries,
        timeout_s=timeout_s,
        read_back=raw.values.get("read_back", ()),
        confirm=raw.values.get("confirm", ()),
        secret=raw.values.get("secret", False),
    )


def fork_of(raw: Raw) -> tuple[Act, tuple[str, ...]]:
    """A step that others answer, and its outcomes."""
    value = raw.values[raw.act]
    match raw.act:
        case "lookup":
            more = {name: raw.values[name] for name in ("by", "whose", "url", "answer") if name in raw.values}
            return LookUp(value, **more), ("found", "not_found", "unavailable")
        case "when":
            conditions = {name: words for name, words in value.items() if name != "is"}
            return When(conditions, value.get("is", {})), ("then", "else")
        case "run":
            run = Run(value, raw.values.get("sets", ()), int(raw.values.get("within_ms", 800)))
            return run, ("next", "unavailable")
        case "record":
            return RecordVoice(value, int(raw.values.get("most_s", 60))), ("next", "nothing")
        case "callback":
            return Promise(value, raw.values.get("number")), ("booked", "not_offered")
    return Survey(value), ("next", "not_offered")
