"""Why ledger and files may differ: each reason with its stable code and one sentence. Called by the comparisons."""

from __future__ import annotations

from msgspec import Struct

REASONS: dict[str, str] = {
    "whole_seconds": "queue_log counts whole seconds, the ledger microseconds: one rounding apart",
    "queue_log_blind_to_local_transfers": (
        "queue_log does not see transfers of Local members: it credits the first agent until the caller's end"
    ),
    "transfer_away_counted_as_talk": (
        "queue_log counts a transferring agent's consult and hold as talk, the ledger only talk with the caller"
    ),
    "taken_by_another_phone": (
        "queue_log credits the member that it rang; a colleague picked the call up, or it was forwarded, and talked"
    ),
    "answered_never_met": "the agent answered as the caller hung up: queue_log has an answer, nobody heard the other",
    "abandoned_at_answer": "the caller hung up at the instant of the answer: queue_log names the agent of an abandon",
    "join_failed_unlogged": "a caller whom the queue did not let in leaves no line in queue_log",
    "started_before_window": "it began before the first line of the file, so the file tells only its end",
    "ended_after_window": "it began or ended after the last line of the file, or still goes on",
    "before_first_sight": "Kefu did not watch this Asterisk yet",
    "blind_window": "nobody looked at this Asterisk for a while during this call, and its files are not back-filled",
    "lost_sight": "the call ended unseen; the ledger says so instead of guessing",
    "reconstructed": "the row was made from Asterisk's files or from a list: its times are as exact as these",
    "files_disagree": (
        "queue_log and CEL do not agree about this time, the ledger agrees with CEL: Asterisk was too busy to be exact"
    ),
    "asterisk_stopped": "Asterisk stopped or was killed in the middle of it, and wrote no end",
    "member_name": "queue_log's agent column holds a member's name here, the ledger the device it stands for",
    "ring_not_placed": "Asterisk gave the seat up before it rang (0 ms), which is no offer to anybody",
    "ring_canceled_unlogged": "the caller left while it rang; older Asterisk writes no line for that",
    "consult": "a seat's own call in the middle of another: a consult, never a conversation of its own",
    "unexplained": "no known reason: one of the two is wrong",
}


class Difference(Struct, frozen=True):
    """One thing that ledger and file tell otherwise. `source`: queue_log or cel; `ledger`, `file`: what each says."""

    call: str
    conversation: str | None
    at: float
    source: str
    what: str
    ledger: str | None
    file: str | None
    reason: str

    @property
    def why(self) -> str:
        return REASONS[self.reason]
