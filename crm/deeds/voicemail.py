"""The worklist of messages: with the clock of each, taken and finished by people, measured by whoever has the files.

A message is due so many open minutes of its queue after it was left, so one of Friday night is due on Monday. Called by
pages and the command line.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, audit, hours, voicemails
from crm.database import Database
from crm.hints import hint_live
from crm.hours import Openings
from crm.refusals import Refusal
from crm.rules import rights
from crm.rules.wav import seconds_of_header
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.voicemails import Message

HEAD_BYTES = 128
HEARD = "recording.listen"
ONE_LISTENING_S = 600
# As the dialplan names them: the Uniqueid, which may begin with a system's name or be a UUID.
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,149}\.wav")


class NoSuchMessage(Refusal):
    """There is no such message, or this agent may not hear it: one answer to both."""


class NoRecording(Refusal):
    """The row is there and its file is not."""


async def worklist(
    session: AsyncSession,
    settings: Settings,
    which: str = "open",
    *,
    listener: Agent | None = None,
    mine: UUID | None = None,
    box: str | None = None,
    limit: int = 200,
) -> list[Message]:
    """Messages with their clocks; open ones by the clock, others the newest first. `listener`: only what this agent
    may hear; None: all."""
    agent_id, boxes = await _limit_of(session, listener)
    found = await voicemails.listed(
        session,
        which,
        short_s=settings.voicemail_short_seconds,
        agent_id=agent_id,
        boxes=boxes,
        mine=mine or (listener.id if listener else None),
        box=box,
        limit=limit,
    )
    oldest = min((message.left_at for message in found), default=None)
    openings = await hours.read(session, hours.by_settings(settings), since=oldest)
    timed = [_timed(message, openings, settings) for message in found]
    if which in ("open", "new", "mine"):
        timed.sort(key=lambda message: (message.due_at or message.left_at, message.left_at))
    return timed


async def find(session: AsyncSession, settings: Settings, message_id: UUID, listener: Agent | None) -> Message:
    """One message, of those that this agent may hear. NoSuchMessage for all else."""
    agent_id, boxes = await _limit_of(session, listener)
    found = await voicemails.find(
        session, message_id, short_s=settings.voicemail_short_seconds, agent_id=agent_id, boxes=boxes
    )
    if found is None:
        raise NoSuchMessage("there is no such message, or it is not of your queues")
    openings = await hours.read(session, hours.by_settings(settings), since=found.left_at)
    return _timed(found, openings, settings)


async def take(session: AsyncSession, settings: Settings, message_id: UUID, agent: Agent) -> Message:
    """Make the message this agent's; a supervisor may take one over."""
    message = await find(session, settings, message_id, agent)
    over = rights.may(agent.role, "voicemail.take_over")
    await voicemails.take(session, message, agent_id=agent.id, due_at=message.due_at, over=over)
    await hint_live(session, message.node)
    return await find(session, settings, message_id, agent)


async def finish(session: AsyncSession, settings: Settings, message_id: UUID, agent: Agent, note: str) -> Message:
    """Say that the message is answered; what nobody has taken counts as this agent's."""
    message = await find(session, settings, message_id, agent)
    over = rights.may(agent.role, "voicemail.take_over")
    await voicemails.finish(session, message, agent_id=agent.id, due_at=message.due_at, note=note, over=over)
    await hint_live(session, message.node)
    return await find(session, settings, message_id, agent)


async def recording(settings: Settings, message: Message) -> Path:
    """Where the recording lies. The name comes from the row and never from a request; NoRecording when it is not there,
    and for a name that leads elsewhere."""
    path = await asyncio.to_thread(_inside, settings.voicemail_folder, message.file)
    if path is None:
        raise NoRecording(
            f"the recording {message.file} is not in {settings.voicemail_folder}: see that voicemail_folder is the "
            "folder in which Asterisk keeps messages, and that this account may read it"
        )
    return path


async def measure(database: Database, settings: Settings, *, days: int = 1) -> int:
    """Look into the recordings that nobody has looked into yet, and note how long they are; return how many were."""
    async with database.reading() as session:
        asked = await voicemails.unmeasured(session, days=days)
    lengths = await asyncio.to_thread(_lengths, settings.voicemail_folder, asked)
    if not lengths:
        return 0
    async with database.transaction() as session:
        for message_id, duration_s in lengths:
            await voicemails.measured(session, message_id, duration_s)
        await hint_live(session, settings.node)
    return len(lengths)


async def heard(session: AsyncSession, message_id: UUID, *, by: str) -> None:
    """Note who listened to which recording. A browser asks for a recording in parts: all parts of some minutes are one
    listening."""
    if not await audit.noted_lately(session, by=by, did=HEARD, subject_id=str(message_id), within_s=ONE_LISTENING_S):
        await audit.note(session, by=by, did=HEARD, subject="voicemail", subject_id=str(message_id))


async def _limit_of(session: AsyncSession, listener: Agent | None) -> tuple[UUID | None, list[str] | None]:
    """Whose messages may be heard: this agent's alone (None: everybody's), and of which boxes (None: of all)."""
    if listener is None:
        return None, None
    if not rights.may(listener.role, "conversation.read_all"):
        return listener.id, None
    return None, await agents.scope_of(session, listener)


def _timed(message: Message, openings: Openings, settings: Settings) -> Message:
    if message.due_at is not None or message.state == "done":
        return message
    return replace(message, due_at=openings.due(message.box, message.left_at, settings.voicemail_due_minutes))


def overdue(message: Message, now: datetime) -> bool:
    """Whether it was to be answered before now, or was answered too late."""
    return message.due_at is not None and (message.done_at or now) > message.due_at


def _lengths(folder: Path, asked: Sequence[tuple[UUID, str]]) -> list[tuple[UUID, float]]:
    found = []
    for message_id, name in asked:
        path = _inside(folder, name)
        try:
            if path is None:
                continue
            with path.open("rb") as file:
                duration_s = seconds_of_header(file.read(HEAD_BYTES), path.stat().st_size)
        except OSError:
            continue
        if duration_s is not None:
            found.append((message_id, duration_s))
    return found


def _inside(folder: Path, name: str) -> Path | None:
    """The plain file of this name in the folder itself; a link out of it is none."""
    if not _FILE.fullmatch(name):
        return None
    try:
        path = (folder / name).resolve(strict=True)
        return path if path.parent == folder.resolve() and path.is_file() else None
    except (OSError, ValueError):
        return None
