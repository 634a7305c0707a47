"""Database sessions of a request. `scope="function"`: the transaction is over before the answer leaves.

With FastAPI's default scope a commit would run after the response, and one that failed would have been answered 200.
Called by every endpoint, as the types of its parameters: a signature says whether it may write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from crm.database import Database


async def _reading(request: Request) -> AsyncIterator[AsyncSession]:
    database: Database = request.app.state.database
    async with database.reading() as session:
        yield session


async def _writing(request: Request) -> AsyncIterator[AsyncSession]:
    database: Database = request.app.state.database
    async with database.transaction() as session:
        yield session


Reading = Annotated[AsyncSession, Depends(_reading, scope="function")]
"""One steady picture; writes are refused."""
Writing = Annotated[AsyncSession, Depends(_writing, scope="function")]
"""Committed when the endpoint has returned and before the answer is sent."""
