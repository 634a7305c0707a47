"""What every deed at a customer ends with: the world outside is told that they changed, and asks what they are now.

Called by the deeds that change customers, inside their transaction. Imports of files tell nothing row by row.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm.announcements import announce
from crm.tables.customers import Customer


async def tell_changed(session: AsyncSession, customer_id: UUID) -> None:
    """Announce a customer who was made or changed."""
    await session.flush()
    now = select(Customer.id, Customer.code, Customer.version).where(Customer.id == customer_id)
    row = (await session.execute(now)).mappings().one()
    await announce(session, "customer.changed", key=str(customer_id), data=dict(row))


async def tell_merged(session: AsyncSession, kept: Customer, merged: Customer, *, undone: bool = False) -> None:
    """Announce that two customers are one, or again two."""
    now = {"id": kept.id, "code": kept.code, "version": kept.version}
    gone = {"merged_id": merged.id, "merged_code": merged.code, "undone": undone}
    await announce(session, "customer.merged", key=str(kept.id), data={**now, **gone})
