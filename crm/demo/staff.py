"""The simulated agents of the demo: they sit down, save an outcome after each call, and have a break now and then.

Their phones answer and hang up by themselves (asterisk-conf/sandbox/agents.conf); what an agent does at the desk is
done here, by the same deeds as the desk page. Called by the demo's center; knows no Asterisk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents
from crm.cases import calls
from crm.database import Database
from crm.deeds.ask_for_pause import ask_for_pause, ask_for_unpause
from crm.deeds.save_wrap_up import save_wrap_up
from crm.deeds.sign_in_to_seat import sign_in_to_seat
from crm.refusals import CrmUnavailable, Refusal
from crm.tables.agents import SeatSession
from crm.tables.pops import Pop, PopShown
from crm.tables.postures import Posture

LOOK_EVERY_S = 0.5
WRAP_UP_S = (2.0, 7.0)
GUEST_WRAP_UP_S = 60.0
FOR_EVER_S = 1e8
BREAK_S = (15.0, 40.0)
BREAK_SHARE = 0.08
WISH_EXPIRY_S = 10.0
OUTCOMES = {"solved": 60, "follow_up": 20, "callback": 10, "complaint": 4, "other": 6}
NOTES = (
    "Told where the parcel is.",
    "Wants an invoice for the company.",
    "已告知预计送达日期。",
    "Asked about the return of one item.",
    "客户要求更换收货地址。",
    "",
)


@dataclass(slots=True)
class _Hand:
    """What one simulated agent is busy with, and when it is done."""

    doing: str
    until: float
    """By the monotonic clock: the machine's may be set meanwhile."""
    conversation_id: UUID | None = None


class Staff:
    """The simulated agents of one node. `seats`: login → seat.

    `guest`: the login whose desk the newcomer watches. Their outcome is left to them for `GUEST_WRAP_UP_S` while a
    browser has painted the card; while nobody looks they work like the others.
    """

    def __init__(
        self, database: Database, node: str, seats: Mapping[str, str], dice: Random, guest: str | None = None
    ) -> None:
        self._database = database
        self._node = node
        self._logins = {seat: login for login, seat in seats.items()}
        self._dice = dice
        self._guest = guest
        self._hands: dict[str, _Hand] = {}

    async def sit_down(self) -> None:
        """Everybody to their seats; whoever was left paused by an earlier demo is ready again."""
        for seat, login in self._logins.items():
            async with self._database.transaction() as session:
                agent = await agents.find(session, login)
                if agent is None:
                    raise Refusal(f"the demo's agent {login!r} is missing from this database: start with an empty one")
                await _leave_other_seat(session, agent.id, self._node, seat)
                await sign_in_to_seat(session, agent_id=agent.id, node=self._node, seat=seat, expiry_s=WISH_EXPIRY_S)

    async def work(self) -> None:
        """Do what agents do, until cancelled. A database that is away is waited for."""
        while True:
            try:
                for posture in await self._postures():
                    await self._act(posture, time.monotonic())
            except CrmUnavailable:
                pass  # the terminal shows the services' own words
            await asyncio.sleep(LOOK_EVERY_S)

    async def _postures(self) -> list[Posture]:
        async with self._database.reading() as session:
            here = select(Posture).where(Posture.node == self._node, Posture.seat.in_(self._logins))
            return list(await session.scalars(here))

    async def _act(self, posture: Posture, now: float) -> None:
        hand = self._hands.get(posture.seat)
        if hand is None or hand.doing != posture.word or hand.conversation_id != posture.conversation_id:
            self._hands[posture.seat] = await self._begin(posture, now)
            return
        if now < hand.until:
            return
        hand.until = now + WISH_EXPIRY_S  # asked once; asked again only when nothing came of it
        try:
            async with self._database.transaction() as session:
                await self._finish(session, posture)
        except CrmUnavailable:
            raise
        except Refusal:
            pass  # the call was over in another way meanwhile

    async def _begin(self, posture: Posture, now: float) -> _Hand:
        if self._logins[posture.seat] != self._guest:
            lasts_s = self._dice.uniform(*(WRAP_UP_S if posture.word == "wrapping_up" else BREAK_S))
        elif posture.word == "wrapping_up":
            # An outcome not said in time is said for the newcomer, so that cards go on popping.
            watched = await self._is_watched(posture.conversation_id)
            lasts_s = GUEST_WRAP_UP_S if watched else self._dice.uniform(*WRAP_UP_S)
        else:
            lasts_s = FOR_EVER_S  # a pause is the newcomer's own
        return _Hand(posture.word, now + lasts_s, posture.conversation_id)

    async def _is_watched(self, conversation_id: UUID | None) -> bool:
        """Whether a browser has said that it painted this call's card."""
        painted = select(PopShown).join(Pop, Pop.id == PopShown.pop_id).where(Pop.conversation_id == conversation_id)
        async with self._database.reading() as session:
            return bool(await session.scalar(select(painted.exists())))

    async def _finish(self, session: AsyncSession, posture: Posture) -> None:
        agent = await agents.find(session, self._logins[posture.seat])
        if agent is None:
            return
        node, seat, login = self._node, posture.seat, agent.login
        if posture.word == "wrapping_up" and posture.conversation_id is not None:
            outcome = self._dice.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
            reason = "wrong_number" if outcome == "wrong_number" else "answered_at_once"
            await calls.explain(session, posture.conversation_id, reason, by=login)
            await save_wrap_up(
                session,
                agent=agent,
                conversation_id=posture.conversation_id,
                outcome=outcome,
                note=self._dice.choice(NOTES),
                node=node,
                seat=seat,
                expiry_s=WISH_EXPIRY_S,
            )
        elif posture.word in ("paused", "wrapping_up"):
            await ask_for_unpause(session, node=node, seat=seat, asked_by=login, expiry_s=WISH_EXPIRY_S)
        elif posture.word == "ready" and self._dice.random() < BREAK_SHARE:
            await ask_for_pause(session, node=node, seat=seat, reason="break", asked_by=login, expiry_s=WISH_EXPIRY_S)


async def _leave_other_seat(session: AsyncSession, agent_id: UUID, node: str, seat: str) -> None:
    """A demo that was killed left its sessions open, perhaps at seats that are dealt out anew now."""
    sitting: SeatSession | None = await agents.session_of(session, agent_id)
    if sitting is not None and (sitting.node, sitting.seat) != (node, seat):
        sitting.signed_out_at = datetime.now(UTC)
        await session.flush()
    at_seat = await agents.session_at(session, node, seat)
    if at_seat is not None and at_seat.agent_id != agent_id:
        at_seat.signed_out_at = datetime.now(UTC)
        await session.flush()
