"""The listener against a peer that forges: each test drives our protocol over a real socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from forged_asterisk import ForgedAsterisk, Session, block, until

from ami_bridge.backoff import Backoff
from ami_bridge.framing import Framing
from ami_bridge.inbox import Connected, Heard, Inbox, Lost, News
from ami_bridge.listener import Listener
from ami_bridge.sending import (
    Account,
    Answer,
    AnswerLost,
    Headers,
    LoginRefused,
    NotConnected,
    Unsendable,
    read_answer,
)

WANTED = frozenset({b"FullyBooted", b"Newchannel", b"AgentCalled", b"QueueMember", b"QueueStatusComplete", b"Hangup"})
RIGHT = "right"
PAUSE = {"Action": "QueuePause", "Interface": "PJSIP/201", "Paused": "true", "Reason": "ACW"}


@pytest.fixture
async def peer() -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        yield forged


def listener_of(peer: ForgedAsterisk, secret: str = RIGHT, say: Callable[[str], None] = print) -> Listener:
    account = Account("127.0.0.1", peer.port, "kefu_reader", secret)
    return Listener(account, Inbox(), lambda: Framing(WANTED), ping_s=0.05, deadline_s=0.2, say=say)


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[None]:
    task = asyncio.ensure_future(listener.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def sent(listener: Listener, headers: Headers) -> Answer:
    """Send, and wait for the answer."""
    return read_answer(await asyncio.wait_for(listener.post(headers), 5))


async def next_news(listener: Listener, kind: type[News]) -> News:
    """The next news of one kind."""
    while not isinstance(news := await asyncio.wait_for(listener._inbox.take(), 5), kind):
        pass
    return news


async def events(listener: Listener, count: int) -> list[bytes]:
    """The next so many event blocks, FullyBooted left out."""
    found: list[bytes] = []
    while len(found) < count:
        news = await next_news(listener, Heard)
        assert isinstance(news, Heard)
        found += [each for each in news.blocks if isinstance(each, bytes) and each[:9] != b"Response:"]
        found = [each for each in found if b"FullyBooted" not in each]
    return found


async def live(listener: Listener, peer: ForgedAsterisk) -> Session:
    session = await peer.session()
    await next_news(listener, Connected)
    return session


async def test_N1_nothing_a_peer_sends_closes_the_connection(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        session.send(b"\x00\xff\xfe rubbish \r\n\r\n")
        session.send(block("Response: Success", "ActionID: a", "ActionID: b", "Message: x", "Message: y"))
        session.send(block("Response: Follows") + block("Response: ") + block("Response: Error", "ActionID: 77"))
        session.send(b"Event: Newchannel\r\nUniqueid: \xe7\x8e\r\n\r\n")
        session.send(block("Event: Hangup", "Uniqueid: 1.1"))
        assert (await events(listener, 3))[-1] == b"Event: Hangup\r\nUniqueid: 1.1"
        assert (await sent(listener, PAUSE)).ok
        assert peer.sessions.empty(), "it had to connect again"


async def test_N1_a_fault_of_our_own_in_the_callback_does_not_close_the_connection(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        listener.framing = _Faulty()  # type: ignore[assignment]
        session.event("Hangup", "Uniqueid: 0.1")
        await until(lambda: listener.faults)
        listener.framing = Framing(WANTED)
        session.event("Hangup", "Uniqueid: 1.1")
        assert b"1.1" in (await events(listener, 1))[0]
        assert peer.sessions.empty()


class _Faulty:
    def feed(self, data: bytes) -> list[bytes]:
        raise ZeroDivisionError


async def test_N2_events_reach_one_consumer_in_wire_order(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        wire = b"".join(block("Event: Newchannel", f"Uniqueid: 1.{number}") for number in range(2000))
        for at in range(0, len(wire), 777):
            session.send(wire[at : at + 777])
            if at % 7 == 0:
                await asyncio.sleep(0)
        numbers = [int(each.rsplit(b".", 1)[1]) for each in await events(listener, 2000)]
        assert numbers == list(range(2000))


async def test_N3_an_unanswered_action_is_never_sent_again(peer: ForgedAsterisk) -> None:
    peer.silent_about = {"QueuePause", "Originate"}
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        pause = asyncio.ensure_future(sent(listener, PAUSE))
        dial = listener.post({"Action": "Originate", "Channel": "Local/1@x", "Exten": "1"})
        await peer.action("Originate")
        session.cut()
        with pytest.raises(AnswerLost):
            await pause
        with pytest.raises(AnswerLost):
            await dial
        peer.silent_about = set()
        await live(listener, peer)
        assert (await sent(listener, {"Action": "QueuePenalty"})).ok  # everything before it on the wire was read
        names = [action["Action"] for action in peer.actions if action["Action"] != "Ping"]
        assert sorted(names) == ["Login", "Login", "Originate", "QueuePause", "QueuePenalty"]


async def test_N4_a_chinese_name_cut_between_two_reads_is_whole(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        wire = block("Event: AgentCalled", "CallerIDName: 王小明")
        inside = wire.index("王".encode()) + 1
        session.send(wire[:inside])
        await asyncio.sleep(0.02)
        session.send(wire[inside:])
        assert (await events(listener, 1))[0].decode().endswith("王小明")


async def test_N4_an_answer_cut_inside_a_character_is_whole(peer: ForgedAsterisk) -> None:
    peer.silent_about = {"QueuePause"}
    listener = listener_of(peer)
    async with listening(listener):
        await live(listener, peer)
        asked = asyncio.ensure_future(sent(listener, PAUSE))
        session, action = await peer.action("QueuePause")
        wire = block("Response: Error", f"ActionID: {action['ActionID']}", "Message: 座席不存在")
        inside = wire.index("席".encode()) + 2
        session.send(wire[:inside])
        await asyncio.sleep(0.02)
        session.send(wire[inside:])
        assert (await asked).message == "座席不存在"


async def test_N5_an_action_without_a_connection_is_refused_politely(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer)
    with pytest.raises(NotConnected, match=r"no connection to Asterisk at 127\.0\.0\.1:\d+ now"):
        listener.post(PAUSE)
    async with listening(listener):
        session = await live(listener, peer)
        session.cut()
        await next_news(listener, Lost)
        with pytest.raises(NotConnected):
            listener.post(PAUSE)


async def test_N7_a_value_that_would_start_a_header_of_its_own_is_refused(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer)
    async with listening(listener):
        await live(listener, peer)
        for poison in ("x\r\nAction: Originate", "x\ny", "x\x00y", "\r\n\r\nAction: Command"):
            with pytest.raises(Unsendable, match="control character"):
                listener.post({**PAUSE, "Reason": poison})
            with pytest.raises(Unsendable, match="control character"):
                listener.post({**PAUSE, poison: "x"})
        with pytest.raises(Unsendable, match="longer than"):
            listener.post({**PAUSE, "Reason": "字" * 400})
        with pytest.raises(Unsendable, match="no valid text"):
            listener.post({**PAUSE, "Reason": "\udce9"})
        with pytest.raises(Unsendable, match="headers"):
            listener.post({f"Variable{number}": "x" for number in range(200)})
        assert (await sent(listener, {**PAUSE, "Reason": "午饭"})).ok
        assert [line for line in peer.lines if line.startswith("Reason")] == ["Reason: 午饭"]


async def test_N8_a_half_open_peer_is_noticed_and_left(peer: ForgedAsterisk) -> None:
    said: list[str] = []
    listener = listener_of(peer, say=said.append)
    async with listening(listener):
        await live(listener, peer)
        peer.frozen = True
        lost = await next_news(listener, Lost)
        assert isinstance(lost, Lost)
        assert "silent" in lost.why
        peer.frozen = False
        await live(listener, peer)
        assert "silent" in said[0]


async def test_N8_a_silent_but_answering_peer_is_kept(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer)
    async with listening(listener):
        await live(listener, peer)
        before = listener.heard_at
        for _ in range(8):
            await peer.action("Ping")
        assert listener.connected
        assert listener.heard_at > before
        assert peer.sessions.empty()


async def test_N8_a_refused_login_stops_with_the_settings_name(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer, secret="wrong")
    with pytest.raises(LoginRefused) as refused:
        await asyncio.wait_for(listener.run(), 5)
    sentence = str(refused.value)
    assert re.search(r"kefu_reader.*Authentication failed.*KEFU_AMI_SECRET.*manager\.conf", sentence)
    assert "wrong" not in sentence
    assert len([action for action in peer.actions if action["Action"] == "Login"]) == 1


async def test_an_asterisk_that_is_shutting_down_refuses_nobody_for_good(peer: ForgedAsterisk) -> None:
    said: list[str] = []
    peer.shutting_down = True
    async with listening(listener := listener_of(peer, say=said.append)):
        await peer.action("Login")
        peer.shutting_down = False
        await live(listener, peer)
    assert "it is shutting down" in said[0]


async def test_N9_our_framing_replaces_panoramisks_parsing(
    peer: ForgedAsterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from panoramisk.message import Message

    built: list[str] = []
    whole = Message.from_line.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Message, "from_line", classmethod(lambda cls, line: built.append(line) or whole(cls, line)))
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        session.send(block("Event: VarSet", "Variable: X") * 1000 + block("Event: Hangup", "Uniqueid: 1.1"))
        assert await events(listener, 1) == [b"Event: Hangup\r\nUniqueid: 1.1"]
        assert listener.framing.messages >= 1001
        assert all(line.startswith("Response:") for line in built)


async def test_N10_rows_of_a_list_arrive_as_events_in_wire_order(peer: ForgedAsterisk) -> None:
    peer.rows["QueueStatus"] = [("Event: QueueMember", "Name: 201"), ("Event: QueueMember", "Name: 202")]
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        answer = await sent(listener, {"Action": "QueueStatus"})
        session.event("Hangup", "Uniqueid: 1.1")
        assert answer.ok
        names = [each.split(b"\r\n")[0] for each in await events(listener, 4)]
        assert names == [
            b"Event: QueueMember",
            b"Event: QueueMember",
            b"Event: QueueStatusComplete",
            b"Event: Hangup",
        ]


async def test_a_wrong_port_is_told_once_and_tried_again(peer: ForgedAsterisk) -> None:
    said: list[str] = []
    listener = listener_of(peer, say=said.append)
    await peer.close_door()
    async with listening(listener):
        await until(lambda: said)
        await asyncio.sleep(0.8)
        assert len(said) == 1
        assert "--ami-port" in said[0]
        await peer.open_door()
        await live(listener, peer)


async def test_a_port_where_something_else_listens_names_the_setting(
    peer: ForgedAsterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ami_bridge.listener.LOGIN_DEADLINE_S", 0.2)
    peer.banner, peer.frozen = b"SSH-2.0-OpenSSH_9.2\r\n", True
    said: list[str] = []
    async with listening(listener_of(peer, say=said.append)):
        await until(lambda: said)
    assert "does not answer as Asterisk does" in said[0]
    assert "--ami-port" in said[0]


async def test_tls_against_a_plain_port_names_the_setting(peer: ForgedAsterisk) -> None:
    said: list[str] = []
    account = Account("127.0.0.1", peer.port, "kefu_reader", "right", tls=True)
    async with listening(Listener(account, Inbox(), lambda: Framing(WANTED), say=said.append)):
        await until(lambda: said)
    assert "--tls" in said[0]


async def test_events_before_the_login_are_not_believed(peer: ForgedAsterisk) -> None:
    peer.banner += block("Event: Hangup", "Uniqueid: 0.0")
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        session.event("Hangup", "Uniqueid: 1.1")
        assert b"Uniqueid: 1.1" in (await events(listener, 1))[0]


async def test_the_inbox_counts_its_depth(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        await events_quiet(listener)
        session.event("Hangup", "Uniqueid: 1.1")
        await until(lambda: listener._inbox.depth_bytes)
        await events(listener, 1)
        assert listener._inbox.depth_bytes == 0


async def events_quiet(listener: Listener) -> None:
    """Take the FullyBooted that follows a login."""
    await next_news(listener, Heard)


async def test_a_paused_reader_is_not_taken_for_a_dead_peer(peer: ForgedAsterisk) -> None:
    listener = listener_of(peer)
    async with listening(listener):
        session = await live(listener, peer)
        await events_quiet(listener)
        listener.pause_reading()
        session.event("Hangup", "Uniqueid: 1.1")
        await asyncio.sleep(0.5)
        assert listener.connected
        assert listener._inbox.depth_bytes == 0
        listener.resume_reading()
        assert b"1.1" in (await events(listener, 1))[0]
        assert peer.sessions.empty()


def test_N6_no_call_is_answered_with_panoramisks_fastagi() -> None:
    rooms = Path(__file__).parents[2]
    sources = [file for room in ("agi", "ami_bridge", "crm") for file in (rooms / room).rglob("*.py")]
    assert sources
    assert [file for file in sources if "fast_agi" in file.read_text(encoding="utf-8")] == []


def test_attempts_grow_rarer_up_to_ten_seconds_and_never_beat_in_time() -> None:
    backoff = Backoff(0.125, 10.0)
    waits = [backoff.next_s() for _ in range(50)]
    assert 0.1 < waits[0] <= 0.25
    assert max(waits) <= 10
    assert min(waits[10:]) >= 5
    assert len(set(waits[10:])) > 30
    backoff.forget()
    assert backoff.next_s() <= 0.25
