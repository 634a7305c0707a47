"""The links of a caller's card into another CRM: the settings' templates, filled with what one call knows.

Called by the card and by `kefu pop-url preview`, which fills them with a past call.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.refusals import Refusal
from crm.rules.phone_numbers import to_e164
from crm.rules.url_templates import fill
from crm.settings import Settings

_OF_CALL = text(
    """
SELECT c.id::text AS conversation_id, c.node, c.linkedid, c.caller, c.caller_name, c.dialled,
       k.id::text AS customer_id, k.code AS customer_code, f.number_e164 AS caller_e164,
       (SELECT w.queue FROM wait w WHERE w.conversation_id = c.id ORDER BY w.entered_at DESC LIMIT 1) AS queue,
       coalesce(p.seat, s.seat) AS seat, a.login AS agent
  FROM conversation c
  LEFT JOIN caller_facts f ON f.node = c.node AND f.linkedid = c.linkedid
  LEFT JOIN customer k ON k.id = f.customer_id
  LEFT JOIN LATERAL (SELECT seat, agent_id FROM segment WHERE conversation_id = c.id
                      ORDER BY started_at DESC LIMIT 1) s ON true
  LEFT JOIN LATERAL (SELECT seat FROM pop WHERE conversation_id = c.id ORDER BY rung_at DESC LIMIT 1) p ON true
  LEFT JOIN agent a ON a.id = s.agent_id
 WHERE CAST(:call AS uuid) IS NULL OR c.id = :call
 ORDER BY c.started_at DESC LIMIT 1
"""
)


def links(settings: Settings, values: dict[str, str | None]) -> list[tuple[str, str]]:
    """Titles and addresses. One that a value would lead astray is left out."""
    filled = ((title, fill(template, values)) for title, template in settings.pop_urls.items())
    return [(title, address) for title, address in filled if address is not None]


async def values_of(session: AsyncSession, settings: Settings, call: UUID | None) -> dict[str, str | None]:
    """What the places stand for in one call (None: the last). Refusal when there is none."""
    row = (await session.execute(_OF_CALL, {"call": call})).mappings().one_or_none()
    if row is None:
        raise Refusal("there is no such call: see `kefu conversation list`" if call else "there is no call yet")
    values = dict(row)
    if values["caller_e164"] is None and values["caller"]:
        values["caller_e164"] = to_e164(values["caller"], settings.country)
    return values
