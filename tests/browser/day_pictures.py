"""An own day as a busy morning leaves it, for take_pictures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from desk_in_chromium import SEAT, Web
from playwright.async_api import Page, expect

from crm import follow_ups
from crm.deeds.tell_desks import tell_desks
from crm.settings import Settings

Picture = Callable[[Page, str], Awaitable[None]]
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


async def take_keys_and_dock(page: Page, language: str, picture: Picture) -> None:
    """The map of keys over the desk, then the desk in a dock beside another program."""
    whole = page.viewport_size
    assert whole is not None
    await expect(page.locator("article.card")).to_be_visible()
    await page.evaluate("document.activeElement.blur()")  # in a field a question mark is text
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await picture(page, f"desk-keys-{language}")
    await page.keyboard.press("Escape")
    await page.evaluate("document.activeElement.blur()")
    await page.set_viewport_size({"width": 380, "height": 900})
    await picture(page, f"desk-dock-{language}")
    await page.set_viewport_size(whole)
