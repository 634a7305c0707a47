"""An own day as a busy morning leaves it, for take_pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from desk_in_chromium import SEAT, Web
from playwright.async_api import Page, expect

from crm import follow_ups
from crm.deeds.tell_desks import tell_desks
from crm.settings import Settings

STEPS = (
    *((96, "talking"), (90, "wrapping_up"), (89, "ready"), (75, "talking"), (74, "wrapping_up"), (73, "ready")),
    *((52, "talking"), (49, "wrapping_up"), (47, "ready"), (26, "talking"), (22, "wrapping_up"), (20, "ready")),
)
"""Minutes ago."""


async def furnish_day(web: Web, lily: UUID, wang: str) -> None:
    """What she did since she sat down, and what others want of her."""
    now = datetime.now(UTC)
    web.floor.do(
        ("UPDATE seat_session SET signed_in_at = now() - interval '100 min' WHERE agent_id = %(a)s", {"a": lily}),
        *(
            (
                (
                    "INSERT INTO posture_change (node, seat, at, word, agent_id, cause, actor, event) "
                    "VALUES (%(node)s, %(seat)s, %(at)s, %(word)s, %(a)s, 'call', 'caller', 'BridgeEnter')"
                ),
                {"seat": SEAT, "at": now - timedelta(minutes=ago), "word": word, "a": lily},
            )
            for ago, word in STEPS
        ),
    )
    ((call,),) = web.floor.rows("SELECT min(conversation_id::text)::uuid FROM wrap_up WHERE outcome = 'follow_up'")
    today = datetime.now(Settings().zone).date()
    async with web.database.transaction() as session:
        await follow_ups.plan(
            session,
            agent_id=lily,
            conversation_id=call,
            due_on=today,
            today=today,
            about="Gift box: has the warehouse called back? 仓库回电了吗？",
            customer_id=UUID(wang),
        )
        await tell_desks(
            session,
            "Teapots of batch 7 are recalled: offer an exchange. 第七批紫砂壶召回，请主动提供换货。",
            by="dana",
            queue="support",
        )


async def keys_of(page: Page) -> None:
    """Open the map of keys."""
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
