"""A site that is not ours: one page, served on a port of its own, which embeds what we give to other sites."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A shop</title></head>
<body><main><h1>Kettles</h1><p>Questions?</p>{widget}</main></body></html>"""


class ForeignSite:
    """Its `origin`; `widget`: the markup that its page has for us, `allows`: what its own policy lets it load."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://localhost:{port}"
        self.widget = ""
        self.allows = ""

    def answer(self) -> bytes:
        """The page."""
        body = PAGE.format(widget=self.widget).encode()
        policy = f"Content-Security-Policy: {self.allows}\r\n" if self.allows else ""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{policy}Content-Length: {len(body)}\r\n"
        return f"{head}Connection: close\r\n\r\n".encode() + body

    def embeds(self, kefu: str, attributes: str = 'data-queue="support"') -> None:
        """The line of docs/callbacks.md, under a policy that lets in no more than the docs name."""
        self.widget = f'<script src="{kefu}/call-me/widget.js" {attributes} async></script>'
        self.allows = f"default-src 'self'; script-src {kefu}; connect-src {kefu}; frame-src {kefu}"


@asynccontextmanager
async def foreign_site() -> AsyncIterator[ForeignSite]:
    """Serve it until the block ends."""
    site: list[ForeignSite] = []
    server = await asyncio.start_server(_answering(lambda: site[0]), "127.0.0.1", 0)
    site.append(ForeignSite(server.sockets[0].getsockname()[1]))
    async with server:
        yield site[0]


def _answering(site: Callable[[], ForeignSite]) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(site().answer())
        await writer.drain()
        writer.close()

    return answer
