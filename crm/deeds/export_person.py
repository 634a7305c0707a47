"""Everything kept of one person in one archive: their rows as JSON, their recordings; and what is kept elsewhere.

Called by the command line. That it was done is noted in the audit.
"""

from __future__ import annotations

import asyncio
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text

from crm import audit, personal_files, personal_rows
from crm.database import Database
from crm.refusals import Refusal
from crm.settings import Settings

from .find_person import find_person

_MESSAGES = text("SELECT file FROM voicemail WHERE conversation_id = ANY(:ids)")


async def export_person(database: Database, settings: Settings, asked: str, to: Path, *, by: str) -> dict[str, int]:
    """Write the archive `to` (a new file, its owner's alone); return rows by table."""
    if await asyncio.to_thread(to.exists):
        raise Refusal(f"{to} exists already: name a new file")
    async with database.reading() as session:
        person = await find_person(session, settings, asked)
        rows = await personal_rows.read(session, person)
        names = list(await session.scalars(_MESSAGES, {"ids": person.conversations}))
    kept = await asyncio.to_thread(personal_files.recordings, settings.voicemail_folder, names)
    about = {
        "made_at": datetime.now(UTC).isoformat(),
        "asked": person.asked,
        "rows": rows,
        "recordings": [path.name for path in kept],
    }
    try:
        await asyncio.to_thread(_write, to, about, kept)
    except OSError as refused:
        raise Refusal(f"{to} cannot be written: {refused.strerror or refused}") from None
    counts = {name: len(found) for name, found in rows.items()}
    async with database.transaction() as session:
        whom = str(person.customers[0]) if person.customers else "number"
        await audit.note(
            session, by=by, did="privacy.export", subject="customer", subject_id=whom, detail={"rows": counts}
        )
    return counts


def _write(to: Path, about: dict[str, Any], kept: list[Path]) -> None:
    """Under another name first: a broken archive never bears the name that was asked for."""
    part = to.with_name(f".{to.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("person.json", msgspec.json.format(msgspec.json.encode(about), indent=2))
            for path in kept:
                archive.write(path, f"recordings/{path.name}")
        part.rename(to)
    finally:
        part.unlink(missing_ok=True)
