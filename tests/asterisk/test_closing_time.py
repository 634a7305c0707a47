"""A queue is closed while calls are on: who waits is led to voicemail, who comes next hears so at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from center import Center
from floor_watch import member
from ledger_rows import rows, seen
from short_prompts import short_prompts
from sip_phones import SippCaller

from crm import customers, queues
from crm.database import Database

WAITING, NEXT = "13800138081", "13900139082"
# 中文, and support, at whatever moment its menu comes.
SUPPORT = [(0.5, "2"), (2.0, "2"), (3.0, "2")]
NOBODY = "Local/7009@sandbox-agents/n"


@pytest.fixture
async def center(tmp_path: Path, database: Database, database_url: str) -> AsyncIterator[Center]:
    """Open round the clock; whoever waits after closing waits no moment longer."""
    async with database.transaction() as session:
        for queue in ("support", "reception"):
            await queues.define(session, queue, title_en=queue.title(), title_zh="客户支持")
        await customers.create(
            session, code="K-9", name="李伟", phones=[WAITING], country="CN", tier="key", language="zh"
        )
    settings = {"CLOSING_GRACE_MINUTES": "0", "VOICEMAIL_FOLDER": str(tmp_path / "pbx/spool/kefu-voicemail")}
    prompts = short_prompts(tmp_path / "prompts")
    async with Center(tmp_path, database_url, prompts=prompts, settings=settings, worker=True) as running:
        yield running


@pytest.mark.timeout(300)
async def test_closing_time_while_callers_wait(center: Center, database_url: str) -> None:
    waits = "SELECT queue, outcome FROM wait ORDER BY entered_at"
    with (
        member(center.sandbox, "support", NOBODY, Paused="true"),
        SippCaller(center.sandbox, WAITING, name="Wei", keys=SUPPORT[1:], stay_s=90) as phone,
    ):
        await seen(database_url, waits, [("support", None)], deadline_s=60)
        channel = center.sandbox.cli("core show channels concise").split("!")[0].strip()
        assert "VIP 李伟 · support" in center.sandbox.cli(f"core show channel {channel}")
        await center.kefu("queue", "close-now", "support", "--reason", "fire drill")
        await seen(database_url, waits, [("support", "withdrawn")], deadline_s=30)
        with SippCaller(center.sandbox, NEXT, keys=SUPPORT, stay_s=1) as late:
            await late.wait_async(90)
        center.sandbox.cli(f"channel request hangup {channel}")
        await phone.wait_async(20)
    await seen(database_url, "SELECT count(*) FROM conversation WHERE outcome = 'voicemail'", [(2,)], deadline_s=30)
    assert rows(database_url, waits) == [("support", "withdrawn")]
    assert rows(database_url, "SELECT box, count(*) FROM voicemail GROUP BY box") == [("support", 2)]
    told = "SELECT ending, closed_why FROM visit ORDER BY started_at"
    await seen(database_url, told, [("join_queue", None), ("voicemail", "closed_now")])
    names = "SELECT caller, caller_name FROM conversation ORDER BY started_at"
    assert rows(database_url, names) == [(WAITING, "Wei"), (NEXT, None)]
    (listed,) = await center.kefu("conversation", "list", "--after-hours")
    assert listed["caller"] == NEXT
