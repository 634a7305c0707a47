"""In Chromium: codes set up from the letters of the picture, asked for at the next sign-in, in both languages."""

from __future__ import annotations

from pathlib import Path

import pyotp
import pytest
from desk_in_chromium import PASSWORD, Web
from playwright.async_api import Page, expect
from sqlalchemy import update
from test_accessible import faults

from crm.settings import Settings
from crm.tables.second_factor import SecondFactor


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """As the other tests', with a data folder for the site's key."""
    return Settings(database_url=database_url, heartbeat_seconds=1.0, data_folder=tmp_path)


async def test_set_up_and_asked_for_by_keyboard_in_both_languages(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await page.get_by_role("link", name="Lily Chen").press("Enter")
    await expect(page).to_have_url(f"{web.url}/security")
    assert await faults(page) == []
    await page.get_by_role("button", name="Set up codes").press("Enter")
    picture = page.get_by_role("img", name="Picture for the authenticator app")
    box = await picture.locator("svg").bounding_box()
    assert box is not None
    assert box["width"] >= 150, "large enough for a phone"
    assert await faults(page) == []
    phone = pyotp.TOTP((await page.locator("#secret").inner_text()).replace(" ", ""))
    await page.keyboard.type(phone.now())  # the field has the focus
    await page.keyboard.press("Enter")
    await expect(page.locator("#paper li")).to_have_count(10)
    assert await faults(page) == []
    await page.get_by_role("button", name="中文").press("Enter")
    await expect(page.get_by_role("heading", name="您的登录")).to_be_visible()
    await page.get_by_role("button", name="退出登录").press("Enter")
    async with web.database.transaction() as session:  # as if half a minute had passed
        await session.execute(update(SecondFactor).values(last_step=0))
    await page.get_by_label("登录名").fill("lily")
    await page.get_by_label("密码").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{web.url}/sign-in/code")
    assert await faults(page) == []
    await page.keyboard.type("000000")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("验证码错误")
    await page.keyboard.type(phone.now())
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{web.url}/seat")
