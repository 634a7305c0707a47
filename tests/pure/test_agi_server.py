"""The real server on a real socket, with peers that behave and peers that do not; the database is away throughout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from ipaddress import ip_network

import pytest
from forged_caller import AgiPeer, environment, hang_up
from structlog.testing import capture_logs

from agi.desk import Site
from agi.flows.front_desk import front_desk
from agi.server import AgiServer, CannotListen, Deadlines
from agi.service import allowed_networks
from agi.shipped import load_menu
from agi.steps import Flow, Play
from crm.database import Database
from crm.refusals import Refusal
from crm.rules.opening_hours import read_opening_hours
from crm.settings import read_settings

SITE = Site("node1", "CN", read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai"), budget_s=0.8)
IMPATIENT = Deadlines(begin_within_s=0.6, answer_within_s=2.0, write_within_s=0.01)
FAREWELLS = [b"", b"HANGUP\n", b"200 result=-1\n", b"511 Command Not Permitted on a dead channel\n"]


def broken() -> Flow:
    yield Play(("welcome",))
    raise RuntimeError("a bug")


def endless() -> Flow:
    while True:
        yield Play(("welcome",))


class Running:
    """A server and its port."""

    def __init__(self, server: AgiServer, port: int) -> None:
        self.server = server
        self.port = port


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    flows = {"front_desk": partial(front_desk, load_menu("front_desk")), "broken": broken, "endless": endless}
    server = AgiServer(SITE, database, flows, IMPATIENT)
    port = await server.listen("127.0.0.1", 0)
    yield Running(server, port)
    await server.drain(0)
    await database.close()


async def quiet(running: Running) -> None:
    """Wait until no connection is open."""
    assert await running.server.quiet(5)


async def test_a_call_goes_to_support_with_the_database_away(running: Running) -> None:
    peer = await AgiPeer("1-" + "2").call(running.port)
    assert peer.last["NEXT_STEP"] == "queue"
    assert peer.last["QUEUE"] == "support"
    assert peer.last["CREDIT"] == "0"
    assert peer.last["CHANNEL(language)"] == "en"
    assert peer.variables[-1] == ("NEXT_STEP", "queue"), "the ending is overwritten last"
    leases = [int(value) for name, value in peer.variables if name == "TIMEOUT(absolute)"]
    assert min(leases) >= 5
    assert max(leases) <= 17, "a caller is not held much longer than the step lasts when we freeze"
    assert peer.played[-1] == "kefu/to-support"


async def test_a_key_pressed_during_a_prompt_stops_it(running: Running) -> None:
    peer = await AgiPeer("1-0").call(running.port)
    assert peer.played == ["kefu/choose-english", "kefu/welcome", "kefu/menu-order-status", "kefu/to-reception"]


async def test_a_key_pressed_during_a_statement_answers_the_question_behind_it(running: Running) -> None:
    peer = await AgiPeer("10").call(running.port)
    assert peer.played == ["kefu/choose-english", "kefu/welcome", "kefu/to-reception"]
    assert peer.last["QUEUE"] == "reception"


async def test_without_the_database_the_order_is_a_colleagues_work(running: Running) -> None:
    peer = await AgiPeer("11").call(running.port, environment(callerid="+8613800138000"))
    assert peer.played[-1] == "kefu/order-not-found"
    assert peer.last["QUEUE"] == "support"


@pytest.mark.parametrize(
    "name",
    ['"', "x\r\nagi_uniqueid: 2.2", "<script>alert(1)</script>", "Li \udce9\udcff Wei", "; rm -rf", "a" * 3000, "李伟"],
)
async def test_a_hostile_name_changes_nothing(running: Running, name: str) -> None:
    peer = await AgiPeer("12").call(running.port, environment(calleridname=name, callerid=name[:40]))
    assert peer.last["QUEUE"] == "support"
    assert not [command for command in peer.commands if "script" in command or "rm" in command]


@pytest.mark.parametrize("farewell", FAREWELLS)
@pytest.mark.parametrize("after", [0, 1, 4, 9])
async def test_hanging_up_anywhere_is_one_quiet_line(running: Running, farewell: bytes, after: int) -> None:
    with capture_logs() as logs:
        peer = await AgiPeer("1", hang_up_after=after, farewell=farewell).call(running.port)
        await quiet(running)
    visit = [entry for entry in logs if entry["event"] == "visit"]
    assert [entry["ending"] for entry in visit] == ["hung_up"]
    heard = [command.split()[2].removeprefix("kefu/") for command in peer.commands if command.startswith("STREAM")]
    if farewell and heard:
        assert visit[0]["last_prompt"] in (heard[-1], *TAKEN_BY_FAREWELL)
    assert "NEXT_STEP" not in peer.last
    assert not [entry for entry in logs if entry["log_level"] == "error"]


# The command that the farewell answers may itself have been the next prompt.
TAKEN_BY_FAREWELL = (
    "choose-english",
    "choose-chinese",
    "menu-other-language",
    "menu-order-status",
    "menu-support",
    "welcome",
)


async def test_a_bug_in_a_flow_leaves_the_preset_ending(running: Running) -> None:
    with capture_logs() as logs:
        peer = await AgiPeer().call(running.port, environment(network_script="broken"))
        await quiet(running)
    assert "NEXT_STEP" not in peer.last
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["a flow broke"]
    good = await AgiPeer("12").call(running.port)
    assert good.last["QUEUE"] == "support"


BAD_PEERS = {
    "says nothing": b"",
    "closes early": b"agi_network: yes\n",
    "speaks HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "speaks TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n",
    "sends one endless line": b"agi_" + b"x" * 40_000,
    "sends endless lines": b"agi_x: y\n" * 1000,
    "asks for an unknown flow": environment(network_script="../../etc/passwd"),
    "names no call": b"agi_network: yes\n\n",
    "answers rubbish": environment() + b"??\n" * 20,
    "lies about a key": environment() + b"200 result=1\n" * 2 + b"200 result=34 endpos=8\n" * 9,
    "lies beyond all numbers": environment() + b"200 result=1\n" * 2 + b"200 result=99999999999999999999\n" * 9,
    "floods": environment() + b"200 result=1\n" * 5000,
}


@pytest.mark.parametrize("what", BAD_PEERS)
async def test_a_bad_peer_is_closed_with_one_line_and_disturbs_nobody(running: Running, what: str) -> None:
    with capture_logs() as logs:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(BAD_PEERS[what])
        if what == "closes early":
            writer.close()
        good = await AgiPeer("12").call(running.port)
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                await reader.read()
        await hang_up(writer)
        await quiet(running)
    assert good.last["QUEUE"] == "support"
    told = [entry for entry in logs if entry["event"] == "connection refused"]
    assert len(told) == 1, logs
    assert told[0]["why"]
    assert not [entry for entry in logs if entry["log_level"] == "error"]


async def test_a_peer_that_stops_answering_in_mid_call_is_closed(running: Running) -> None:
    with capture_logs() as logs:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(environment())
        async with asyncio.timeout(5):
            assert await reader.readline()
            with suppress(ConnectionError):
                await reader.read()
        await hang_up(writer)
        await quiet(running)
    assert [entry["why"] for entry in logs if entry["event"] == "visit"] == ["it said nothing for too long"]


async def test_two_hundred_calls_at_once_keep_apart() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    server = AgiServer(SITE, database, {"front_desk": partial(front_desk, load_menu("front_desk"))})
    port = await server.listen("127.0.0.1", 0)
    ways = [("12", "support"), ("20", "reception")]
    peers = await asyncio.gather(*(AgiPeer(ways[n % 2][0]).call(port) for n in range(200)))
    await server.drain(0)
    await database.close()
    assert [peer.last["QUEUE"] for peer in peers] == [ways[n % 2][1] for n in range(200)]
    assert [peer.last["CHANNEL(language)"] for peer in peers] == [("en", "zh")[n % 2] for n in range(200)]


async def test_draining_lets_calls_finish_and_closes_what_does_not_end() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    flows = {"front_desk": partial(front_desk, load_menu("front_desk")), "endless": endless}
    server = AgiServer(SITE, database, flows, IMPATIENT)
    port = await server.listen("127.0.0.1", 0)
    endless_peer, brief_peer = AgiPeer(), AgiPeer("12")
    stuck = asyncio.create_task(endless_peer.call(port, environment(network_script="endless")))
    finishing = asyncio.create_task(brief_peer.call(port))
    await asyncio.gather(endless_peer.hearing.wait(), brief_peer.hearing.wait())
    draining = asyncio.create_task(server.drain(0.5))
    done = await finishing
    assert done.last["QUEUE"] == "support"
    assert "NEXT_STEP" not in (await stuck).last
    await draining
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await database.close()


async def test_a_taken_port_is_one_sentence(running: Running) -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    server = AgiServer(SITE, database, {})
    with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{running.port}.*change fastagi_host"):
        await server.listen("127.0.0.1", running.port)
    await database.close()


async def test_the_doctor_is_answered_and_leaves_no_visit(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"agi_network: yes\nagi_network_script: doctor\nagi_uniqueid: kefu-doctor-1\n\n")
    said = await asyncio.wait_for(reader.read(), 2)
    await hang_up(writer)
    await quiet(running)
    assert said == b'VERBOSE "Kefu, flows: broken, endless, front_desk" 3\n'
    nothing = {"calls": 0, "served": 0, "refused": 0, "visits_unwritten": 0, "visits_lost": 0, "not_asked": []}
    assert running.server.facts() == nothing


async def test_a_stranger_who_is_not_on_the_list_is_refused_with_one_line() -> None:
    """Whoever listens on more than this machine says who may call."""
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    here = {"203.0.113.9": False, "127.0.0.1": True, "::1": True, "10.0.0.5": True, "::ffff:10.0.0.5": True, "?": False}
    server = AgiServer(SITE, database, {}, allowed=[ip_network("10.0.0.0/24")])
    assert {peer: server._may_call(peer) for peer in here} == here
    port = await server.listen("127.0.0.1", 0)
    server._may_call = lambda peer: False  # type: ignore[method-assign]
    with capture_logs() as logs:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 2) == b""
        await hang_up(writer)
        assert await server.quiet(2)
    await server.drain(0)
    await database.close()
    assert [entry["why"] for entry in logs if entry["event"] == "connection refused"] == [
        "it is not on the list of who may call (fastagi_allowed)"
    ]
    assert server.refused == 1


def test_the_list_of_who_may_call_is_checked() -> None:
    assert allowed_networks("10.0.0.5, 10.0.1.0/24") == [ip_network("10.0.0.5"), ip_network("10.0.1.0/24")]
    with pytest.raises(Refusal, match=r"fastagi.allowed.*'pbx' is no address or network"):
        read_settings(fastagi_allowed="10.0.0.5 pbx")


async def test_a_flood_of_keys_leads_no_further_than_one_key(running: Running) -> None:
    """Asterisk hands over one digit a command; a hundred in a row are a hundred wrong keys at most, never a crash."""
    peer = await AgiPeer("1" + "9876543*#" * 30).call(running.port)
    assert peer.last["NEXT_STEP"] in ("queue", "goodbye")
