"""A test call from trunk to card, followed row by row. Only when asked for: it rings whoever is ready.

The caller is named `Kefu doctor`, so its rows say what they are, and its Linkedid begins with TEST_CALL_ID.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping

import sqlalchemy as sa

from crm.database import Database
from crm.settings import Settings
from crm.tables.conversations import Conversation, Offer, Wait
from crm.tables.pops import Pop, PopShown

from . import CONTEXT, TEST_CALL_ID, judging_house
from .findings import Verdict, broken
from .probe_pbx import as_actor
from .rounds import Round

DIALLED = "95000"
CALLER = '"Kefu doctor" <000>'
LOOK_EVERY_S = 0.1
LONGEST_S = sum(within_s for _stage, within_s in judging_house.CALL_STAGES) + 5.0


async def test_call(keys: str, round_: Round) -> Verdict:
    """Place the call, wait for the row of each stage, and hang up."""
    settings = round_.known_settings
    linkedid = TEST_CALL_ID + secrets.token_hex(6)
    refused = await asyncio.to_thread(_place, settings, linkedid, keys)
    if refused is not None:
        return broken("call-refused", f"Asterisk refused the test call: {refused}")
    assert round_.database_address is not None
    opened = Database(round_.database_address, application_name="kefu-doctor", pool_size=1)
    try:
        return await _follow(opened, settings.node, linkedid)
    finally:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_hang_up, settings, linkedid)
        await opened.close()


async def _follow(opened: Database, node: str, linkedid: str) -> Verdict:
    begun = time.monotonic()
    reached: dict[str, float] = {}

    async def until(stage: str, within_s: float) -> bool:
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            for name, there in (await _stages(opened, node, linkedid)).items():
                if there:
                    reached.setdefault(name, time.monotonic() - begun)
            if stage in reached:
                return True
            await asyncio.sleep(LOOK_EVERY_S)
        return False

    for stage, within_s in judging_house.CALL_STAGES:
        if not await until(stage, within_s):
            return judging_house.judge_call(reached, stage)
    return judging_house.judge_call(reached, None)


async def _stages(opened: Database, node: str, linkedid: str) -> Mapping[str, bool]:
    async with opened.reading() as session:
        return dict((await session.execute(_ASK_STAGES, {"node": node, "linkedid": linkedid})).mappings().one())


_its = sa.select(Conversation.id).where(
    Conversation.node == sa.bindparam("node"), Conversation.linkedid == sa.bindparam("linkedid")
)
_ASK_STAGES = sa.select(
    sa.exists(_its).label("conversation"),
    sa.exists(sa.select(Wait.id).where(Wait.conversation_id.in_(_its))).label("wait"),
    sa.exists(sa.select(Offer.id).where(Offer.conversation_id.in_(_its))).label("offer"),
    sa.exists(sa.select(Pop.id).where(Pop.conversation_id.in_(_its))).label("card"),
    sa.exists(
        sa.select(PopShown.pop_id).join(Pop, Pop.id == PopShown.pop_id).where(Pop.conversation_id.in_(_its))
    ).label("painted"),
)


def _place(settings: Settings, linkedid: str, keys: str) -> str | None:
    with as_actor(settings) as hand:
        answer = hand.ask(
            {
                "Action": "Originate",
                "Channel": f"Local/{DIALLED}@from-trunk/n",
                "Context": CONTEXT,
                "Exten": f"caller-{keys}" if keys else "caller",
                "Priority": "1",
                "CallerID": CALLER,
                "ChannelId": linkedid,
                "OtherChannelId": f"{linkedid}-2",
                "Async": "true",
                "Timeout": "15000",
            }
        )
    return None if answer.get("Response") == "Success" else answer.get("Message", "it gave no reason")


def _hang_up(settings: Settings, linkedid: str) -> None:
    with as_actor(settings) as hand:
        rows = hand.ask_list({"Action": "CoreShowChannels"})
        for row in rows:
            if row.get("Uniqueid") == linkedid:
                hand.ask({"Action": "Hangup", "Channel": row["Channel"], "Cause": "16"})
