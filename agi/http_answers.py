"""One question to somebody else's system over HTTP, with a typed answer. The only file that knows the HTTP client.

Called by the desk within the step's time limit. The other side may hang, redirect, lie or send a gigabyte: whatever is
not exactly the answer described in the menu is *unavailable*, and the caller goes on.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import httpx2
import msgspec

from .answers import Missing
from .steps import AskHttp

MOST_BYTES = 65_536
LONGEST_TEXT = 200
_YES_NO = {True: "yes", False: "no", "yes": "yes", "no": "no"}


class NoAnswer(Exception):
    """The other side did not answer as described; the message says how, for the log."""


async def ask(client: httpx2.AsyncClient, question: AskHttp) -> dict[str, str] | Missing:
    """The fields wanted, as texts; "not_found" for 404. NoAnswer for all else. The caller sets the time limit."""
    try:
        async with client.stream("GET", question.url, headers={"accept": "application/json"}) as response:
            if response.status_code == 404:
                return "not_found"
            if response.status_code != 200:
                raise NoAnswer(f"it answered {response.status_code}")
            body = b""
            async for part in response.aiter_raw():
                body += part
                if len(body) > MOST_BYTES:
                    raise NoAnswer(f"its answer is larger than {MOST_BYTES} bytes")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise NoAnswer("its answer is compressed, though that was not asked for")
    except NoAnswer:
        raise
    except Exception as failed:  # noqa: BLE001 - an address or an answer can provoke anything in the layers below
        raise NoAnswer(str(failed) or type(failed).__name__) from None
    return understood(body, question.answer)


def new_client() -> httpx2.AsyncClient:
    """A client that follows no redirect, keeps no cookie, obeys no proxy of the environment, and takes no compression:
    a small answer could unfold to a gigabyte."""
    return httpx2.AsyncClient(
        verify=_trusted(),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx2.Timeout(5.0),
        headers={"accept-encoding": "identity", "user-agent": "kefu"},
        limits=httpx2.Limits(max_connections=50, max_keepalive_connections=10),
    )


@cache
def _trusted() -> ssl.SSLContext:
    """The system's authorities, read once: reading them takes longer than many an answer."""
    return ssl.create_default_context()


def understood(body: bytes, wanted: Mapping[str, str | list[str]]) -> dict[str, str]:
    """The fields of a JSON answer as texts, each of its type."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as rubbish:
        raise NoAnswer(f"its answer is no JSON object ({rubbish})") from None
    return {name: _typed(name, told.get(name), kind) for name, kind in wanted.items()}


def _typed(name: str, value: Any, kind: str | list[str]) -> str:
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None
    if kind == "yes_no" and isinstance(value, bool | str) and value in _YES_NO:
        return _YES_NO[value]
    if text is not None and not isinstance(value, bool) and len(text) <= LONGEST_TEXT and text.isprintable():
        if isinstance(kind, list):
            if text in kind:
                return text
        elif kind == "text" or (kind == "digits" and re.fullmatch(r"[0-9A-Za-z-]+", text)) or _reads(kind, text):
            return text
    raise NoAnswer(f'its field "{name}" is not {"one of " + ", ".join(kind) if isinstance(kind, list) else kind}')


def _reads(kind: str, text: str) -> bool:
    try:
        if kind == "number":
            return Decimal(text).is_finite()
        if kind == "date":
            date.fromisoformat(text)
            return True
    except (ValueError, InvalidOperation):
        pass
    return False
