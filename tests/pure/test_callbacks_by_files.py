"""What a try to call back came to, when only Asterisk's files could tell and they cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from ami_bridge.backfill.filling import Files
from ami_bridge.floor import Floor
from ami_bridge.promises import Promises
from crm.settings import read_settings
from crm.tables.callbacks import CallbackAttempt


@pytest.mark.parametrize(
    ("claimed_s_ago", "seen", "outcome"),
    [(0, False, "never_left"), (3600, False, "lost_sight"), (0, True, "lost_sight")],
)
@pytest.mark.parametrize("cel", ["closed", "absent"])
async def test_a_file_that_cannot_be_read_ends_no_bridge(
    tmp_path: Path, cel: str, claimed_s_ago: float, seen: bool, outcome: str
) -> None:
    (tmp_path / "closed").mkdir()  # a folder in its place: that cannot be read by root either

    async def find_files() -> Files:
        return Files(None, tmp_path / cel)

    settings = read_settings(ami_secret="right")
    unused: Any = SimpleNamespace(node="n")
    promises = Promises(unused, settings, unused, unused, Floor("n"), unused, find_files=find_files, say=print)
    now = datetime.now(UTC)
    claimed_at = now - timedelta(seconds=claimed_s_ago)
    attempt = CallbackAttempt(id=uuid4(), claimed_at=claimed_at, seen_at=now if seen else None)
    assert (await promises._by_files(attempt))[0] == outcome
