"""What Asterisk's CEL tells of one try to call back whose end nobody saw: it dialled, it talked, or it never was.

Read from the end of the file, as far back as a place may stand. Called in a thread by promises.py, when Asterisk knows
no channel of that try any more.
"""

from __future__ import annotations

from pathlib import Path

from crm.rules.callback_policy import Facts, outcome_of
from crm.rules.cel import CelEvent, read_record, whole_records

TAIL_BYTES = 8 * 1024 * 1024
DIALS_IN = "kefu-callback-dial"
CHOSE_IN = "kefu-callback-chose"


def what_cel_tells(cel: Path, attempt: str) -> tuple[str, str] | None:
    """The outcome and why; None when CEL knows no such channel. Raises OSError."""
    events = _of(cel, attempt)
    if not any(event.kind == "CHAN_START" and event.uniqueid == attempt for event in events):
        return None
    own = [event for event in events if event.uniqueid == attempt]
    dialled = any(event.context == DIALS_IN for event in own)
    chose = "1" if any(event.context == CHOSE_IN for event in own) else None
    # The first half meets the customer; or, dialled first, goes into the queue with the customer and meets an agent.
    talked = any(event.kind == "BRIDGE_ENTER" for event in own)
    ended = any(event.kind in ("CHAN_END", "HANGUP") for event in own)
    causes = [str(event.extra.get("hangupcause")) for event in own if event.kind == "HANGUP"]
    cause = int(causes[-1]) if causes and causes[-1].isdecimal() else 0
    outcome = outcome_of(Facts(dialled, talked, chose, "NOANSWER" if dialled and ended else "", cause))
    return outcome, "by Asterisk's own files: nobody saw it"


def _of(cel: Path, attempt: str) -> list[CelEvent]:
    with cel.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - TAIL_BYTES))
        text = stream.read().decode("utf-8", "replace")
    records, _ = whole_records(text)
    read = [read_record(record) for record in records if attempt in record]
    return [event for event in read if isinstance(event, CelEvent)]
