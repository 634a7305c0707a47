"""A browser without a window: the application in this process, asked over HTTP with cookies and forms."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from fastapi import FastAPI

HTML = {"accept": "text/html"}
PASSWORD = "a good long password"


class WebCaller(httpx2.AsyncClient):
    """Asks pages as a browser does, and sends forms with the token of the page last seen."""

    csrf = ""

    async def page(self, path: str) -> httpx2.Response:
        """Get a page and remember its token."""
        answer = await self.get(path)
        found = re.search(r'(?:name="csrf" value|data-csrf)="([^"]*)"', answer.text)
        self.csrf = found[1] if found else ""
        return answer

    async def send_form(self, path: str, **fields: str) -> httpx2.Response:
        """Post a form with the token."""
        return await self.post(path, data={"csrf": self.csrf, **fields})

    async def sign_in(self, login: str, password: str = PASSWORD) -> httpx2.Response:
        """Through the sign-in page."""
        await self.page("/sign-in")
        answer = await self.send_form("/sign-in", login=login, password=password)
        if answer.status_code == 303:
            await self.page("/seat")
        return answer

    async def sit_at(self, seat: str) -> httpx2.Response:
        """Through the seat page."""
        answer = await self.send_form("/seat", typed=seat)
        await self.page("/desk")
        return answer


@asynccontextmanager
async def calling(app: FastAPI, *, running: bool = True) -> AsyncIterator[WebCaller]:
    """A caller of the application. `running`: with its background tasks, as a server has them."""
    transport = httpx2.ASGITransport(app=app)
    async with WebCaller(transport=transport, base_url="https://desk.example", headers=HTML) as caller:
        if running:
            async with app.router.lifespan_context(app):
                yield caller
        else:
            yield caller
