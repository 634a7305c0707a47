"""A deed asked for on a page: done, or the sentence with which it was refused. Called by pages that show it there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from crm.database import Database
from crm.refusals import CrmUnavailable, Refusal

Deed = Callable[[AsyncSession], Awaitable[None]]


async def carry_out(database: Database, deed: Deed) -> str | None:
    """In a transaction of its own; None when it was done. Raises CrmUnavailable: that is no answer to the deed."""
    try:
        async with database.transaction() as session:
            await deed(session)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        return str(refused)
    return None
