"""The pages of administrators: tokens, subscribers of webhooks, the audit; by the same deeds as the command line."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import AsyncIterator

import pytest
from foreign_crm import OK, ForeignCrm
from sqlalchemy import select, text
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, announcements, api_tokens, audit, webhooks
from crm.database import Database
from crm.deeds import deliver_webhooks
from crm.deeds.deliver_webhooks import deliver
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.webhooks import WebhookDelivery
from crm.web.app import create_app


@pytest.fixture
async def admin(database: Database, amy: Agent) -> AsyncIterator[WebCaller]:
    """An administrator's browser; webhooks may go to this machine."""
    async with database.transaction() as session:
        await agents.create(session, login="ada", name="Ada", password=PASSWORD, role="admin")
    settings = Settings(webhook_private="127.0.0.0/8", webhook_timeout_seconds=2)
    async with calling(create_app(settings, database), running=False) as caller:
        await caller.sign_in("ada")
        yield caller


def seen(page: str) -> str:
    """The text of a page as it is read."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def secret_of(page: str) -> str:
    found = re.search(r'id="secret"[^>]* value="([^"]+)"', page)
    assert found, "no secret is shown"
    return found[1]


async def deeds(database: Database) -> list[tuple[str, str]]:
    async with database.reading() as session:
        return [(row.did, row.by) for row in reversed(await audit.listed(session))]


async def test_a_token_is_shown_once_opens_its_queue_and_is_revoked(admin: WebCaller, database: Database) -> None:
    await admin.page("/programs")
    new = {"csrf": admin.csrf, "name": "acme", "scopes": ["wallboard.read"], "queues": ["support"], "days": "30"}
    answer = await admin.post("/programs", data=new)
    token = secret_of(answer.text)
    assert answer.headers["cache-control"] == "no-store"
    async with database.reading() as session:
        program = await api_tokens.who_shows(session, token)
    assert program is not None
    assert (program.name, program.scopes, program.queues) == ("acme", {"wallboard.read"}, {"support"})
    page = (await admin.page("/programs")).text
    assert token not in page
    assert ">never<" in page
    queues = await admin.get("/api/v1/queues", headers={"authorization": f"Bearer {token}"})
    assert [each["name"] for each in queues.json()] == ["support"]
    assert ">never<" not in (await admin.page("/programs")).text
    again = await admin.post("/programs", data={**new, "csrf": admin.csrf})
    assert "there is a token 'acme' already" in seen(again.text)
    assert 'value="wallboard.read" checked' in again.text, "what was typed stays"
    await admin.send_form("/programs/revoke", name="acme")
    assert "revoked by ada" in seen((await admin.page("/programs")).text)
    refused = await admin.get("/api/v1/queues", headers={"authorization": f"Bearer {token}"})
    assert refused.status_code == 401
    assert ("token.add", "ada") in await deeds(database)
    assert ("token.revoke", "ada") in await deeds(database)


async def test_what_cannot_be_a_token_is_said_in_chinese_too(admin: WebCaller) -> None:
    await admin.page("/programs")
    await admin.send_form("/language", language="zh", back="/programs")
    await admin.page("/programs")
    assert "令牌需要至少一个权限" in seen((await admin.send_form("/programs", name="x")).text)
    answer = await admin.post(
        "/programs", data={"csrf": admin.csrf, "name": "x", "scopes": ["case.read"], "queues": ["no"]}
    )
    assert "没有队列 'no'" in seen(answer.text)


async def test_a_subscriber_is_added_tried_out_paused_and_its_dead_letters_sent_again(
    admin: WebCaller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver_webhooks, "backoff_s", lambda _: 0.0)
    async with ForeignCrm() as crm:
        await admin.page("/webhooks")
        answer = await admin.send_form("/webhooks", name="acme", url=crm.url, kinds="order.*")
        assert "is in no catalogue" not in answer.text
        crm.secret = secret_of(answer.text)
        page = (await admin.page("/webhooks")).text
        assert crm.secret not in page
        tried = await admin.send_form("/webhooks/test", name="acme")
        assert "acme answered 204" in seen(tried.text), re.findall(r'role="alert">([^<]*)', tried.text)
        assert crm.faults == []
        crm.answer = lambda _: "HTTP/1.1 400 No\r\nConnection: close\r\n\r\n"
        async with database.transaction() as session:
            for number in ("a", "b"):
                await announcements.announce(session, "order.changed", key=number, data={"number": number})
            await announcements.number_new(session)
            webhook = (await webhooks.find(session, "acme")).id
        for _ in range(deliver_webhooks.REFUSALS):
            await deliver(database, Settings(webhook_private="127.0.0.0/8"), str(webhook))
        dead = await admin.page("/webhooks/dead?name=acme")
        assert seen(dead.text).count("it answered 400") == 2
        first = re.findall(r'name="ids" value="([^"]+)"', dead.text)[0]
        again = await admin.send_form("/webhooks/replay", name="acme", ids=first)
        assert "1 delivery is sent again" in seen(again.text)
        crm.answer = lambda _: OK
        assert await deliver(database, Settings(webhook_private="127.0.0.0/8"), str(webhook)) == 1
        assert (await admin.send_form("/webhooks/replay", name="acme")).text.count("it answered 400") == 0
    async with database.reading() as session:
        states = sorted(await session.scalars(select(WebhookDelivery.state)))
    assert states == ["delivered", "waiting"]
    await admin.send_form("/webhooks/switch", name="acme", active="false")
    assert "paused" in seen((await admin.page("/webhooks")).text)
    await admin.send_form("/webhooks/remove", name="acme")
    assert "there is no subscriber 'acme'" in seen((await admin.get("/webhooks/dead?name=acme")).text)
    inside = await admin.send_form("/webhooks", name="inside", url="ftp://crm.example/")
    assert "inside" not in re.findall(r"<strong>(\w+)</strong>", inside.text)
    done = await deeds(database)
    for did in ("webhook.add", "webhook.replay", "webhook.pause", "webhook.remove"):
        assert (did, "ada") in done


async def test_the_audit_is_read_filtered_verified_and_written_out(admin: WebCaller, database: Database) -> None:
    async with database.transaction() as session:
        for number in range(105):
            await audit.note(
                session, by=f"who{number % 2}", did="thing.do", subject="thing", subject_id=f"T{number:03}"
            )
        await audit.note(
            session, by="=cmd()", did="other.do", subject="other", subject_id="OTHER-1", detail={"count": 2}
        )
    page = await admin.page("/audit?did=thing")
    assert "T104" in page.text
    assert "T001" not in page.text
    assert "OTHER-1" not in page.text
    older = re.search(r'href="(/audit\?[^"]*before=\d+)"', page.text)
    assert older
    assert "T001" in (await admin.get(html.unescape(older[1]))).text
    alone = seen((await admin.get("/audit?by=who1&id=T003&since=2026-01-01&until=2099-01-01")).text)
    assert "T003" in alone
    assert "T005" not in alone
    assert "T003" not in (await admin.get("/audit?until=2020-01-01")).text
    await admin.page("/audit")
    verified = seen((await admin.send_form("/audit/verify")).text)
    async with database.reading() as session:
        rows, mark = await audit.head(session)
    assert f"{rows} rows, all as they were written." in verified
    assert f"{rows}:{mark}" in verified
    written = await admin.get("/audit/audit.csv?did=other")
    assert written.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    table = list(csv.DictReader(io.StringIO(written.content.decode("utf-8-sig"))))
    assert [(row["by"], row["subject_id"], row["detail"]) for row in table] == [("'=cmd()", "OTHER-1", '{"count":2}')]
    everything = await admin.get("/audit/audit.csv")
    assert len(everything.text.splitlines()) > 106
    assert ("audit.export", "ada") in await deeds(database)
    async with database.transaction() as session:
        await session.execute(text("SET session_replication_role = replica"))
        await session.execute(text("UPDATE audit SET did = 'thing.undo' WHERE subject_id = 'T050'"))
    broken = seen((await admin.send_form("/audit/verify")).text)
    assert "The chain is broken at row" in broken
