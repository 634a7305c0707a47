"""Several people editing one customer: who saves names what they saw, and nobody's work is lost.

A field that only one of them touched is taken from that one; a field that both changed is refused to the second, with
the name of the first. Called by pages and the command line through deeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .customers import Change, changes_of, cleaned, held, note_change
from .refusals import Refusal
from .tables.customers import Customer


class Meanwhile(Struct, frozen=True):
    """A field that somebody else changed while one was editing it, too."""

    field: str
    by: str
    at: datetime | None
    before: str | None
    theirs: str | None
    mine: str | None


class ChangedMeanwhile(Refusal):
    """Somebody else saved another value for what is being saved now; nothing of it was written."""

    def __init__(self, version: int, fields: Sequence[Meanwhile]) -> None:
        told = "; ".join(f"{each.by} changed {each.field} to {each.theirs or 'nothing'!r}" for each in fields)
        super().__init__(f"{told}: look at it, then save again with version {version}, or leave theirs")
        self.version = version
        self.fields = fields


async def edit(
    session: AsyncSession,
    customer_id: UUID,
    fields: Mapping[str, str | None],
    *,
    by: str,
    seen: int,
    was: Mapping[str, str | None] | None = None,
) -> tuple[Customer, list[Change]]:
    """Change `fields` of the customer whom the editor saw at version `seen`, and as `was` (none: only what is meant to
    change is given). What others changed meanwhile stays where the editor did not touch it, and is returned to be told;
    where both changed one field to different values: ChangedMeanwhile, and nothing is written."""
    customer = await held(session, customer_id)
    wanted = {field: cleaned(field, value) for field, value in fields.items()}
    if was is not None:
        wanted = {field: value for field, value in wanted.items() if value != cleaned(field, was.get(field), old=True)}
    others = await changes_of(session, customer_id, since=seen)
    clashes = [
        clash
        for field, value in wanted.items()
        if value != getattr(customer, field)
        and (clash := _clash(customer, field, value, others, was.get(field) if was is not None else None, was is None))
    ]
    if clashes:
        raise ChangedMeanwhile(customer.version, clashes)
    changes = {
        field: [getattr(customer, field), value] for field, value in wanted.items() if getattr(customer, field) != value
    }
    if "code" in changes:
        taken = select(Customer.id).where(Customer.code == wanted["code"])
        if await session.scalar(taken) is not None:
            raise Refusal(f"a customer with the code {wanted['code']!r} exists already")
    for field, (_, value) in changes.items():
        setattr(customer, field, value)
    if changes:
        await note_change(session, customer, by, changes)
    return customer, others


def _clash(
    customer: Customer, field: str, mine: str | None, others: Sequence[Change], was: str | None, blind: bool
) -> Meanwhile | None:
    """Who changed this field to something else since the editor looked; None where nobody did."""
    theirs = next((change for change in others if field in change.changes), None)
    now = getattr(customer, field)
    if theirs is None and (blind or now == cleaned(field, was, old=True)):
        return None
    before = others[-1].changes.get(field, [was])[0] if theirs and others else was
    return Meanwhile(field, theirs.by if theirs else "kefu", theirs.at if theirs else None, before, now, mine)
