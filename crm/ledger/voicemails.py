"""Messages that callers left: one row a recording, found again by its own id however often it is told of."""

from __future__ import annotations

from .statement import Key, Moment, Row, insert_missing, select_rows, upsert

_LONGEST_NAME = 150


class Voicemail(Row):
    """`file`: its name in the voicemail folder, made of the Uniqueid as the dialplan makes it."""

    id: Key
    conversation_id: Key
    node: str
    linkedid: str
    box: str | None
    file: str
    left_at: Moment
    reconstructed: bool = False


def file_of(uniqueid: str) -> str:
    """The name under which dialplan/voicemail.conf keeps the recording of this call."""
    return f"{uniqueid[:_LONGEST_NAME]}.wav"


VOICEMAILS = upsert("voicemail", Voicemail, key=("id",))
ADD_VOICEMAILS = insert_missing("voicemail", Voicemail, key="id")
OF_CONVERSATIONS = select_rows("voicemail", Voicemail, "conversation_id = ANY(%s::uuid[])", "left_at")
