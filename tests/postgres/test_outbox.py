"""Wishes: sent at most once, settled by Asterisk's word, whatever is cut or killed in between."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bridge_process import BridgeProcess
from cable import Cable
from forged_asterisk import Action, ForgedAsterisk, Session, until
from forged_call import ForgedCall, listed_member, member

from ami_bridge.bridge import AnotherBridge, Bridge
from crm import wishes
from crm.database import Database
from crm.settings import read_settings

SEAT = "PJSIP/201"
NODE = "asterisk1"


@pytest.fixture
async def peer() -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        forged.rows["QueueStatus"] = [("Event: QueueParams", "Queue: support", "Calls: 0"), listed_member()]
        yield forged


@asynccontextmanager
async def bridging(url: str, peer: ForgedAsterisk, **more: Any) -> AsyncIterator[Bridge]:
    account = {"ami_port": peer.port, "ami_secret": "right", "ami_ping_seconds": 0.2}
    settings = read_settings(**{**account, "wish_expiry_seconds": 1.5, **more})
    database = Database(url, application_name="bridge")
    stopping = asyncio.Event()
    bridge = Bridge(settings, database, print)
    task = asyncio.ensure_future(bridge.run(stopping))
    try:
        yield bridge
        stopping.set()
        await asyncio.wait_for(task, 15)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await database.close()


async def ask(url: str, kind: str, seat: str = SEAT, expiry_s: float = 10, **more: Any) -> str:
    """A wish as pages and the command line write it; its id."""
    database = Database(url, pool_size=1)
    async with database.transaction() as session:
        wish = await wishes.ask(session, node=NODE, seat=seat, kind=kind, asked_by="amy", expiry_s=expiry_s, **more)
        found = str(wish.id)
    await database.close()
    return found


def state(url: str, wish: str) -> tuple[str, str | None]:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT state, why FROM pbx_request WHERE id = %s", (wish,)).fetchone()
    assert row is not None
    return row[0], row[1]


async def settled(url: str, wish: str, deadline_s: float = 30.0) -> tuple[str, str | None]:
    """How the wish ended."""
    await until(lambda: state(url, wish)[0] not in ("wanted", "sent"), deadline_s)
    return state(url, wish)


async def ready(peer: ForgedAsterisk) -> Session:
    session = await peer.session()
    await peer.action("DeviceStateList")
    return session


async def test_a_pause_is_sent_at_once_and_confirmed_by_the_event_alone(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with bridging(database_url, peer, wish_expiry_seconds=5):
        session = await ready(peer)
        wish = await ask(database_url, "pause", reason="午饭")
        _, action = await peer.action("QueuePause", 0.9)  # woken by the hint, not by the poll
        assert (action["Interface"], action["Paused"], action["Reason"]) == (SEAT, "true", "午饭")
        await asyncio.sleep(0.1)
        assert state(database_url, wish) == ("sent", None)  # "Success" is no word of the queue
        member(session, paused=True, reason="午饭")
        assert await settled(database_url, wish) == ("confirmed", None)


async def test_pausing_again_is_confirmed_again(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, peer):
        session = await ready(peer)
        member(session, paused=True, reason="lunch")
        await asyncio.sleep(0.1)
        wish = await ask(database_url, "pause", reason="lunch")
        await peer.action("QueuePause")
        member(session, paused=True, reason="lunch")
        assert await settled(database_url, wish) == ("confirmed", None)


async def test_what_asterisk_refuses_is_refused_in_its_words(peer: ForgedAsterisk, database_url: str) -> None:
    peer.refusals["QueuePause"] = "Interface not found"
    async with bridging(database_url, peer):
        await ready(peer)
        wish = await ask(database_url, "pause")
        assert await settled(database_url, wish) == ("refused", "Asterisk refused it: Interface not found")


async def test_a_member_that_is_already_there_is_confirmed(peer: ForgedAsterisk, database_url: str) -> None:
    peer.refusals["QueueAdd"] = "Unable to add interface: Already there"
    async with bridging(database_url, peer):
        await ready(peer)
        wish = await ask(database_url, "add_member", queue="support", penalty=2)
        _, action = await peer.action("QueueAdd")
        assert (action["Queue"], action["Penalty"]) == ("support", "2")
        assert (await settled(database_url, wish))[0] == "confirmed"


async def test_who_is_at_lunch_joins_another_queue_at_lunch(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, peer):
        session = await ready(peer)
        member(session, paused=True, reason="lunch")
        await asyncio.sleep(0.1)
        wish = await ask(database_url, "add_member", queue="vip")
        _, action = await peer.action("QueueAdd")
        assert (action["Queue"], action["Paused"]) == ("vip", "true")
        _, action = await peer.action("QueuePause")
        assert (action["Queue"], action["Paused"], action["Reason"]) == ("vip", "true", "lunch")
        member(session, queue="vip", event="QueueMemberAdded", paused=True)  # QueueAdd takes no reason
        assert (await settled(database_url, wish))[0] == "confirmed"
        with psycopg.connect(database_url) as connection:
            (posture,) = connection.execute("SELECT word, pause_reason FROM posture").fetchall()
        assert posture == ("paused", "lunch")


async def test_a_seat_that_changes_hands_joins_unpaused(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, peer):
        session = await ready(peer)
        member(session, paused=True, reason="lunch")
        await asyncio.sleep(0.1)
        await ask(database_url, "remove_member", queue="support")
        await peer.action("QueueRemove")
        await ask(database_url, "add_member", queue="support")
        _, action = await peer.action("QueueAdd")
        assert action["Paused"] == "false"


async def test_silence_expires_and_nothing_is_sent_twice(peer: ForgedAsterisk, database_url: str) -> None:
    peer.silent_about = {"QueuePause"}
    async with bridging(database_url, peer):
        session = await ready(peer)
        wish = await ask(database_url, "pause")
        await peer.action("QueuePause")
        session.cut()
        await ready(peer)
        assert await settled(database_url, wish) == ("expired", "Asterisk did not confirm it in time")
        assert len([action for action in peer.actions if action["Action"] == "QueuePause"]) == 1


async def test_a_wish_waits_for_asterisk_and_expires_unsent_when_it_is_too_long_away(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with bridging(database_url, peer):
        await ready(peer)
        await peer.close_door()
        late = await ask(database_url, "pause", seat="PJSIP/202", expiry_s=0.5)
        early = await ask(database_url, "pause", expiry_s=20)
        why = "Asterisk was out of reach until its time was over"
        assert await settled(database_url, late) == ("expired", why)
        await peer.open_door()
        session = await ready(peer)
        _, action = await peer.action("QueuePause")
        assert action["Interface"] == SEAT
        member(session, paused=True)
        assert (await settled(database_url, early))[0] == "confirmed"
        assert len([action for action in peer.actions if action["Action"] == "QueuePause"]) == 1


async def test_a_phone_that_an_earlier_bridge_let_ring_rings_on(peer: ForgedAsterisk, database_url: str) -> None:
    dial = await ask(database_url, "dial", target="out+8613800138000")
    pause = await ask(database_url, "pause")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE pbx_request SET state = 'sent', sent_at = clock_timestamp()")
    async with bridging(database_url, peer):
        session = await ready(peer)
        assert (await settled(database_url, pause))[0] == "expired"
        assert state(database_url, dial) == ("sent", None)
        session.event("OriginateResponse", f"ActionID: {dial}", "Response: Success", "Reason: 4")
        assert await settled(database_url, dial) == ("confirmed", None)


async def test_a_wish_that_would_forge_headers_is_refused_and_never_sent(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with bridging(database_url, peer):
        await ready(peer)
        wish = await ask(database_url, "pause", reason="x\r\nAction: Originate\r\nChannel: Local/1@x")
        found, why = await settled(database_url, wish)
        assert found == "refused"
        assert "control character" in str(why)
        assert not [line for line in peer.lines if "Originate" in line or "QueuePause" in line]


async def test_wishes_of_one_seat_leave_in_the_order_they_were_asked(peer: ForgedAsterisk, database_url: str) -> None:
    for kind in ("pause", "unpause", "pause", "unpause"):
        await ask(database_url, kind, expiry_s=60)
    async with bridging(database_url, peer):
        await ready(peer)
        order = [(await peer.action("QueuePause"))[1]["Paused"] for _ in range(4)]
        assert order == ["true", "false", "true", "false"]


async def test_the_actor_carries_wishes_and_hears_no_events(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, peer, ami_actor_username="kefu_actor", ami_actor_secret="right"):
        await ready(peer)
        await peer.session()
        await ask(database_url, "pause")
        session, _ = await peer.action("QueuePause")
        assert session.username == "kefu_actor"
        logins = {action["Username"]: action["Events"] for action in peer.actions if action["Action"] == "Login"}
        assert logins == {"kefu_reader": "on", "kefu_actor": "off"}


async def test_wishes_of_another_node_are_left_alone(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, peer, node="asterisk2"):
        await ready(peer)
        wish = await ask(database_url, "pause")
        await asyncio.sleep(1.2)
        assert state(database_url, wish)[0] == "wanted"


async def test_a_bridge_whose_node_was_taken_over_claims_nothing_and_ends(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async def be_taken_over() -> None:
        async with Cable(database_url) as cable, bridging(cable.url, peer):
            await ready(peer)
            cable.stall()  # nobody can tell it
            with psycopg.connect(database_url) as other:
                other.execute("UPDATE node SET fence = fence + 1, lease_holder = 'other'")
            wish = await ask(database_url, "pause")
            cable.flow()
            await asyncio.sleep(1.5)
            assert state(database_url, wish)[0] == "wanted"

    with pytest.raises(AnotherBridge, match="another bridge watches the node"):
        await be_taken_over()


@pytest.mark.parametrize("moment", ["claimed", "sent"])
async def test_killed_around_the_sending_a_wish_is_sent_at_most_once(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path, moment: str
) -> None:
    """kill -9 between the claim and the byte, and between the byte and the confirmation."""
    async with BridgeProcess(database_url, peer.port, tmp_path, pause_before_post=moment == "claimed") as process:
        await ready(peer)
        wish = await ask(database_url, "pause", expiry_s=60)
        await until(lambda: state(database_url, wish)[0] == "sent")
        if moment == "sent":
            await peer.action("QueuePause")
        await process.end(signal.SIGKILL)
    async with BridgeProcess(database_url, peer.port, tmp_path):
        await ready(peer)
        assert (await settled(database_url, wish, 15))[0] == "expired"
    sent = len([action for action in peer.actions if action["Action"] == "QueuePause"])
    assert sent == (0 if moment == "claimed" else 1)


async def test_killed_after_the_sending_a_late_confirmation_still_counts(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path
) -> None:
    async with BridgeProcess(database_url, peer.port, tmp_path) as process:
        await ready(peer)
        wish = await ask(database_url, "pause", reason="lunch", expiry_s=60)
        await peer.action("QueuePause")
        await process.end(signal.SIGKILL)
    async with BridgeProcess(database_url, peer.port, tmp_path):
        session = await ready(peer)
        await asyncio.sleep(0.3)
        member(session, paused=True, reason="lunch")
        assert (await settled(database_url, wish))[0] == "confirmed"
    assert len([action for action in peer.actions if action["Action"] == "QueuePause"]) == 1


async def test_the_reflex_without_a_connection_says_so(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, peer) as bridge:
        session = await ready(peer)
        assert bridge.outbox is not None
        bridge.outbox._actor = _Deaf()  # type: ignore[assignment]
        ForgedCall(session).whole()
        await until(lambda: bool(_own(database_url)))
        assert _own(database_url) == [("refused", "no connection")]


class _Deaf:
    connected = False

    def post(self, headers: Action) -> None:
        from ami_bridge.sending import NotConnected

        raise NotConnected("no connection")


def _own(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute("SELECT state, why FROM pbx_request WHERE asked_by = 'bridge'").fetchall()
