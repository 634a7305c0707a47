"""Requests from us to somebody else's server. Whoever is asked may hang, lie, redirect inside or answer a gigabyte.

The name is resolved here, the address judged, and the connection made to that very address, so that a name which
changes its mind in between leads nowhere. No redirect is followed, no proxy of the environment obeyed, no cookie kept.
Called by webhooks.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import urlsplit

import httpx2
from msgspec import Struct

from .refusals import Refusal
from .rules.outside_addresses import Network, is_allowed

MOST_BYTES = 65_536
CONNECT_S = 5.0


class Reach(Struct, frozen=True):
    """Where requests may go. `hosts` (names, `*.example.com` for all below): empty, any. `private`: networks inside
    that are allowed all the same."""

    hosts: tuple[str, ...] = ()
    private: tuple[Network, ...] = ()


class Answered(Struct, frozen=True):
    """What came back: the status, the beginning of the body, and for how long to stay away (0: not said)."""

    status: int
    body: bytes
    retry_after_s: float


class Unreached(Refusal):
    """No answer: the message says why, for people."""


class Forbidden(Unreached):
    """The address is one that we do not send to."""


def check_url(url: str, reach: Reach) -> tuple[str, str, int]:
    """Scheme, host and port of an address that may be kept as a target. Forbidden, with one sentence, for others."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, None
    if parts is None or parts.scheme not in ("https", "http") or not host or not url.isascii() or not url.isprintable():
        raise Forbidden("the address is none: write https://host/path, in ASCII")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("the address holds an account or a password: they do not belong into addresses")
    if " " in url or "\\" in url or parts.fragment:
        raise Forbidden("the address holds a blank, a backslash or a part after '#'")
    if reach.hosts and not any(_is_of(host, allowed) for allowed in reach.hosts):
        raise Forbidden(f"{host} is not among webhook_hosts: add it there, or use another address")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def new_client(*, most_connections: int = 20) -> httpx2.AsyncClient:
    """A client for `post`; close it."""
    return httpx2.AsyncClient(
        verify=_trusted(),
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity", "user-agent": "kefu"},
        limits=httpx2.Limits(max_connections=most_connections, max_keepalive_connections=0),
    )


async def post(
    client: httpx2.AsyncClient, url: str, body: bytes, headers: Mapping[str, str], *, reach: Reach, within_s: float
) -> Answered:
    """Send `body` and return what was answered, whatever the status. Unreached when nothing was in time."""
    scheme, host, port = check_url(url, reach)
    try:
        async with asyncio.timeout(within_s):
            address = await _address_of(host, port, reach.private)
            return await _post_to(client, url, scheme, host, address, body, headers)
    except Unreached:
        raise
    except TimeoutError:
        raise Unreached(f"{host} did not answer within {within_s:g} s") from None
    except Exception as failed:  # noqa: BLE001 - an address or an answer can provoke anything in the layers below
        raise Unreached(f"{host} was not reached ({str(failed).strip() or type(failed).__name__})") from None


async def _post_to(
    client: httpx2.AsyncClient,
    url: str,
    scheme: str,
    host: str,
    address: str,
    body: bytes,
    headers: Mapping[str, str],
) -> Answered:
    asked = httpx2.URL(url)
    said = {**headers, "host": asked.netloc.decode("ascii")}
    request = client.build_request(
        "POST",
        asked.copy_with(host=address),
        content=body,
        headers=said,
        extensions={"sni_hostname": host} if scheme == "https" else {},
        timeout=httpx2.Timeout(30.0, connect=CONNECT_S),
    )
    response = await client.send(request, stream=True)
    try:
        begun = b""
        async for part in response.aiter_raw():
            begun += part
            if len(begun) > MOST_BYTES:
                break
        return Answered(response.status_code, begun[:MOST_BYTES], _retry_after_s(response))
    finally:
        await response.aclose()


async def _address_of(host: str, port: int, private: Sequence[Network]) -> str:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreached(f"{host} is not known to the name service") from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    allowed = [address for address in addresses if is_allowed(address, private)]
    if not allowed:
        where = addresses[0] if addresses else "nowhere"
        raise Forbidden(f"{host} leads to {where}, an address inside: webhook_private does not list it")
    return allowed[0] if len(allowed) == 1 else random.choice(allowed[:4])  # noqa: S311 - spread, no secret


def _retry_after_s(response: httpx2.Response) -> float:
    said = response.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(min(int(said[:9]), 86400))
    try:
        until = parsedate_to_datetime(said)
        asked_at = parsedate_to_datetime(response.headers.get("date", ""))
        return min(max(0.0, (until - asked_at).total_seconds()), 86400.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _is_of(host: str, allowed: str) -> bool:
    allowed = allowed.lower()
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()
