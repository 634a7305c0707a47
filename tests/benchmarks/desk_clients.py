"""Agents without a window, for benchmarks: signed in, at a seat, on the stream, looking when told and saying so.

They ask the web service for what a browser does (stream, picture, acknowledgement) at a fraction of its cost, so that a
small machine can hold as many as the target names.
"""

from __future__ import annotations

import asyncio
import re

import httpx2

_TOKEN = re.compile(r'(?:name="csrf" value|data-csrf)="([^"]*)"')
_POP = re.compile(r'data-pop="([0-9a-f-]+)"')
SCRIPTED = {"hx-request": "true", "accept": "text/html"}


class DeskClient:
    """One agent."""

    def __init__(self, web: str, login: str, password: str, seat: str) -> None:
        self._client = httpx2.AsyncClient(base_url=web, headers={"accept": "text/html"}, timeout=30, trust_env=False)
        self._login, self._password, self._seat = login, password, seat
        self._cookies: dict[str, str] = {}
        self._told = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._csrf = ""
        self.shown: set[str] = set()
        self.looks = 0

    async def sit_down(self) -> None:
        """Sign in, take the seat, open the stream."""
        await self._page("/sign-in")
        await self._form("/sign-in", login=self._login, password=self._password)
        await self._page("/seat")
        await self._form("/seat", typed=self._seat)
        await self._page("/desk")
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]

    async def get_up(self) -> None:
        """Close the stream."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._client.stream("GET", "/desk/live", headers=self._kept(), timeout=None) as stream:
                    async for line in stream.aiter_lines():
                        if line == "event: look":
                            self._told.set()
            except httpx2.HTTPError:
                await asyncio.sleep(0.5)

    async def _look(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            self.looks += 1
            picture = await self._client.get("/desk/picture", headers={**SCRIPTED, **self._kept()})
            for pop in set(_POP.findall(picture.text)) - self.shown:
                self.shown.add(pop)
                said = {"x-csrf-token": self._csrf, **self._kept()}
                await self._client.post(f"/desk/pops/{pop}/shown", json={"hint_ms": None}, headers=said)

    def _kept(self) -> dict[str, str]:
        """Cookies by hand: browsers send secure ones to this very machine without a lock, the client's jar does not."""
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}

    def _keep(self, answer: httpx2.Response) -> httpx2.Response:
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer

    async def _page(self, path: str) -> None:
        answer = self._keep(await self._client.get(path, headers=self._kept()))
        found = _TOKEN.search(answer.text)
        self._csrf = found[1] if found else ""

    async def _form(self, path: str, **fields: str) -> None:
        answer = self._keep(await self._client.post(path, data={"csrf": self._csrf, **fields}, headers=self._kept()))
        if answer.status_code != 303:
            raise RuntimeError(f"{self._login}: {path} answered {answer.status_code}")
