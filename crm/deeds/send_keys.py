"""An agent presses keys for the other end: another house's menu, a conference's number.

Keys may be a card's number or a PIN: they are forgotten as soon as they were sent, or could not be.
"""

from __future__ import annotations

import re
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm.refusals import Refusal
from crm.tables.requests import PbxRequest

from .own_call import AtSeat, own_call, wish_about

KEYS_AT_MOST = 32
_KEYS = re.compile(r"[0-9*#]+")


async def send_keys(session: AsyncSession, at: AtSeat, keys: str, conversation_id: UUID | None = None) -> PbxRequest:
    """The wish. Refusal for what is no key, or where no call is."""
    pressed = "".join(keys.split())
    if not _KEYS.fullmatch(pressed) or len(pressed) > KEYS_AT_MOST:
        raise Refusal(f"1 to {KEYS_AT_MOST} keys can be sent: digits, * and #")
    return await wish_about(session, at, "send_keys", await own_call(session, at, conversation_id), pressed)
