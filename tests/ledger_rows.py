"""Rows as anybody with a database client sees them, and waiting until they read as they should."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

Rows = list[tuple[Any, ...]]


def rows(url: str, query: str) -> Rows:
    """What one query finds."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


async def seen(url: str, query: str, expected: Rows, deadline_s: float = 30.0) -> None:
    """Return once the query finds `expected`; a row tells nobody that it changed, so it is asked again."""
    found: Rows = []
    try:
        async with asyncio.timeout(deadline_s):
            while (found := await asyncio.to_thread(rows, url, query)) != expected:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.02)
    except TimeoutError:
        assert found == expected, query
