"""Webhooks at their worst: targets that refuse, hang, redirect, answer for ever or lie inside; nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from foreign_crm import OK, ForeignCrm
from sqlalchemy import text

from crm import announcements, webhooks
from crm.database import Database
from crm.deeds import deliver_webhooks
from crm.deeds.deliver_webhooks import deliver
from crm.settings import Settings

INSIDE = Settings(webhook_private="127.0.0.0/8", webhook_timeout_seconds=0.3)


@pytest.fixture(autouse=True)
def quick_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other as fast as the test likes."""
    monkeypatch.setattr(deliver_webhooks, "backoff_s", lambda _: 0.0)


@pytest.fixture
async def crm() -> AsyncIterator[ForeignCrm]:
    async with ForeignCrm() as server:
        yield server


async def subscribe(database: Database, crm: ForeignCrm, url: str | None = None) -> str:
    async with database.transaction() as session:
        added = await webhooks.add(session, name="foreign", url=url or crm.url, kinds=[], by="test")
    crm.secret = added.secret
    return str(added.id)


async def happen(database: Database, *keys: str) -> None:
    async with database.transaction() as session:
        for key in keys:
            await announcements.announce(session, "order.changed", key=key[0], data={"number": key})
        await announcements.number_new(session)


def numbers(crm: ForeignCrm) -> list[str]:
    return [event["data"]["number"] for event in crm.events]


async def row(database: Database) -> tuple[str, int, str | None]:
    async with database.reading() as session:
        asked = text("SELECT state, attempts, last_fault FROM webhook_delivery ORDER BY number LIMIT 1")
        found = (await session.execute(asked)).one()
        return found.state, found.attempts, found.last_fault


async def test_signed_and_in_order_of_each_key(database: Database, crm: ForeignCrm) -> None:
    webhook = await subscribe(database, crm)
    await happen(database, "a1", "b1", "a2", "c1", "a3", "b2")
    assert await deliver(database, INSIDE, webhook) == 6
    assert [n for n in numbers(crm) if n[0] == "a"] == ["a1", "a2", "a3"]
    assert [n for n in numbers(crm) if n[0] == "b"] == ["b1", "b2"]
    assert crm.faults == []
    assert crm.heads[0]["host"] == crm.url.split("/")[2]
    assert crm.events[0].keys() == {"type", "version", "number", "key", "timestamp", "data"}


async def test_a_failure_holds_back_its_own_key_alone_and_keeps_its_id(database: Database, crm: ForeignCrm) -> None:
    webhook = await subscribe(database, crm)
    failing = {"a1": 3}

    def answer(event: dict[str, object]) -> str:
        number = event["data"]["number"]  # type: ignore[index]
        failing[number] = failing.get(number, 0) - 1
        return "HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n" if failing[number] >= 0 else OK

    crm.answer = answer
    await happen(database, "a1", "a2", "b1", "b2")
    assert await deliver(database, INSIDE, webhook) == 4
    assert [n for n in numbers(crm) if n[0] == "a"] == ["a1", "a2"]
    assert numbers(crm).index("b1") < numbers(crm).index("a1")
    assert len(crm.attempts) == 7
    assert len(set(crm.attempts)) == 4


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nConnection: close\r\n\r\n",
            "redirects are not followed",
        ),
        ("HTTP/1.1 503 Away\r\nConnection: close\r\n\r\n", "it answered 503"),
        (None, "did not answer within 0.3 s"),
        ("rubbish\r\n\r\n", "was not reached"),
        ("", "was not reached"),
    ],
)
async def test_bad_answers_are_failures_with_a_sentence(
    database: Database, crm: ForeignCrm, answer: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver_webhooks, "backoff_s", lambda _: 60.0)
    webhook = await subscribe(database, crm)
    crm.answer = lambda _: answer
    await happen(database, "a1", "b1")
    assert await deliver(database, INSIDE, webhook) == 0
    state, attempts, fault = await row(database)
    assert (state, attempts) == ("waiting", 1)
    assert told in str(fault)
    async with database.reading() as session:
        assert await webhooks.with_work(session) == []
        (listed,) = await webhooks.listed(session)
    assert (listed.behind, listed.failures) == (2, 1)


async def test_an_answer_without_end_is_cut_and_counts(database: Database, crm: ForeignCrm) -> None:
    webhook = await subscribe(database, crm)
    crm.answer = lambda _: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 5_000_000
    await happen(database, "a1")
    assert await deliver(database, INSIDE, webhook) == 1


async def test_a_no_is_taken_as_an_answer_after_some_times(database: Database, crm: ForeignCrm) -> None:
    webhook = await subscribe(database, crm)
    crm.answer = lambda event: OK if event["data"]["number"] != "a1" else "HTTP/1.1 400 No\r\nConnection: close\r\n\r\n"
    await happen(database, "a1", "a2")
    assert await deliver(database, INSIDE, webhook) == 1
    assert numbers(crm) == ["a2"]
    async with database.reading() as session:
        (dead,) = await webhooks.dead(session, "foreign")
    assert (dead.attempts, dead.last_status, dead.last_fault) == (deliver_webhooks.REFUSALS, 400, "it answered 400")
    crm.answer = lambda _: OK
    async with database.transaction() as session:
        assert await webhooks.replay(session, "foreign", ids=[dead.id]) == 1
    assert await deliver(database, INSIDE, webhook) == 1
    assert crm.ids[-1] == str(dead.id)
    assert crm.heads[-1]["kefu-replayed"] == "true"


async def test_who_is_silent_for_too_long_is_given_up_and_replayed_in_order(
    database: Database, crm: ForeignCrm
) -> None:
    webhook = await subscribe(database, crm)
    await happen(database, "a1", "a2")
    await crm.cut()
    async with database.transaction() as session:
        await session.execute(text("UPDATE webhook_delivery SET first_tried_at = now() - interval '25 h'"))
    assert await deliver(database, INSIDE, webhook) == 0
    async with database.transaction() as session:
        assert len(await webhooks.dead(session, "foreign")) == 2
        assert await webhooks.replay(session, "foreign") == 2
    await crm.mend()
    assert await deliver(database, INSIDE, webhook) == 2
    assert numbers(crm) == ["a1", "a2"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "2130706433"])
async def test_nothing_is_sent_to_addresses_inside(database: Database, crm: ForeignCrm, host: str) -> None:
    webhook = await subscribe(database, crm, crm.url.replace("127.0.0.1", host))
    await happen(database, "a1")
    assert await deliver(database, Settings(webhook_timeout_seconds=2.0, webhook_give_up_hours=0.000001), webhook) == 0
    assert crm.attempts == []
    _, _, fault = await row(database)
    assert "an address inside" in str(fault) or "was not reached" in str(fault) or "not known" in str(fault)


async def test_a_name_is_resolved_once_and_that_address_is_used(
    database: Database, crm: ForeignCrm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that says a public address when it is judged and ours when it is connected to."""
    import asyncio
    import socket

    asked: list[object] = []

    async def lies(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        address = "203.0.113.9" if len(asked) % 2 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    webhook = await subscribe(database, crm, crm.url.replace("127.0.0.1", "rebound.example"))
    await happen(database, "a1")
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lies, raising=False)
    settings = Settings(webhook_timeout_seconds=0.2, webhook_private="203.0.113.0/24", webhook_give_up_hours=1e-9)
    assert await deliver(database, settings, webhook) == 0
    assert crm.attempts == []
    assert asked[0] == "rebound.example"
    assert "127.0.0.1" not in asked


async def test_a_subscriber_that_was_removed_while_it_was_told_is_no_fault(database: Database, crm: ForeignCrm) -> None:
    webhook = await subscribe(database, crm)
    await happen(database, "a1")
    async with database.transaction() as session:
        await webhooks.remove(session, "foreign")
    assert await deliver(database, INSIDE, webhook) == 0
    assert await deliver(database, INSIDE, str(uuid4())) == 0
