"""The floor now: agents with their states, queues with who waits. Read from the rows that the bridge keeps."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from crm import agents, pauses, queues

from .asking import Asking, asked
from .problems import answers

router = APIRouter(tags=["floor"])


class AgentAnswer(BaseModel):
    """An agent. `state` is the word that the desk shows; `seat` is null while they sit nowhere; `next`: pause, when one
    is to come after the call."""

    login: str
    name: str
    role: str
    active: bool
    node: str | None
    seat: str | None
    state: str
    since: datetime | None
    reason: str | None
    next: str | None
    queues: list[str]


class PauseReasonAnswer(BaseModel):
    """What agents may pause for. `budget_min`: how long a day, `auto_end_min`: when one pause ends by itself."""

    name: str
    title_en: str
    title_zh: str
    paid: bool
    budget_min: int | None
    auto_end_min: int | None


class QueueAnswer(BaseModel):
    """A queue. `members`: seats by what they do; `longest_wait_s` is null when nobody waits; `callback_dialling`:
    whose phone rings first for a callback, agent_first or customer_first."""

    name: str
    title_en: str
    title_zh: str
    service_level_s: int | None
    callback_dialling: str | None
    waiting: int
    longest_wait_s: float | None
    members: dict[str, int]


@router.get("/agents", responses=answers())
async def list_agents(asking: Annotated[Asking, asked("wallboard.read", bound=True)]) -> list[AgentAnswer]:
    """All agents by login. A token that is bound to queues is shown those who stand in one, with these alone."""
    async with asking.database.reading() as session:
        found = await agents.listed(session)
    shown = [AgentAnswer.model_validate(each, from_attributes=True) for each in found]
    if asking.queues is None:
        return shown
    for each in shown:
        each.queues = [queue for queue in each.queues if queue in asking.queues]
    return [each for each in shown if each.queues]


@router.get("/queues", responses=answers())
async def list_queues(asking: Annotated[Asking, asked("wallboard.read", bound=True)]) -> list[QueueAnswer]:
    """All queues by name."""
    async with asking.database.reading() as session:
        found = await queues.listed(session)
    shown = [each for each in found if asking.queues is None or each.name in asking.queues]
    return [QueueAnswer.model_validate(each, from_attributes=True) for each in shown]


@router.get("/pause-reasons", responses=answers())
async def list_pause_reasons(asking: Annotated[Asking, asked("wallboard.read", bound=True)]) -> list[PauseReasonAnswer]:
    """What agents may pause for, in the order of their screens."""
    async with asking.database.reading() as session:
        found = await pauses.listed(session)
        return [PauseReasonAnswer.model_validate(each, from_attributes=True) for each in found]
