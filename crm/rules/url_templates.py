"""Addresses in a foreign CRM, opened from the card: `https://crm.example/search?phone={caller}`.

What goes into the places comes from callers, so it is percent-escaped whole, and a place may stand in path, query and
fragment only: who calls never chooses where the browser goes. Checked when the settings are read (`check`), filled for
each card (`fill`), previewed by `kefu pop-url preview`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote, urlsplit

PLACES: dict[str, str] = {
    "caller": "the number that calls, as Asterisk heard it",
    "caller_e164": "the same in E.164, such as +8613800138000",
    "caller_name": "the name sent with the call",
    "dialled": "the number that was dialled",
    "customer_code": "the customer's code here, when it is known who calls",
    "customer_id": "the customer's id here",
    "conversation_id": "the call's id here",
    "linkedid": "the call's id in Asterisk",
    "node": "which Asterisk",
    "queue": "the queue that the call came through",
    "agent": "the login of who takes it",
    "seat": "the seat that rings",
}
LONGEST = 2000
SCHEMES = ("https", "http")

_PLACE = re.compile(r"\{([^{}]*)\}")
_PLAIN = re.compile(r"[!-~]+")
_NOWHERE = frozenset({".", ".."})


def check(template: str, hosts: Iterable[str]) -> None:
    """Raises ValueError with one sentence when the template cannot be used, or leads to a host not in `hosts`
    (names, or `*.example.com` for all below)."""
    if len(template) > LONGEST or not _PLAIN.fullmatch(template):
        raise ValueError(
            f"{template[:60]!r} is no address: printable ASCII without blanks, {LONGEST} characters at most"
        )
    if "{" in _PLACE.sub("", template) or "}" in _PLACE.sub("", template):
        raise ValueError(f"{template!r} has a brace without its other half")
    for place in _PLACE.findall(template):
        if place not in PLACES:
            raise ValueError(f"{template!r}: {{{place}}} is unknown, it is one of {', '.join(PLACES)}")
    origin = _origin(template)
    if _PLACE.search(origin):
        raise ValueError(f"{template!r}: a place may not choose the host")
    host = _host(template)
    if not any(_is_of(host, allowed) for allowed in hosts):
        raise ValueError(f"{template!r} leads to {host}, which pop_url_hosts does not list")


def fill(template: str, values: Mapping[str, str | None]) -> str | None:
    """The address with its places filled; what is unknown is empty. None when a value would lead out of the path."""
    filled = _PLACE.sub(lambda found: _escaped(values.get(found[1])), template)
    path, before = urlsplit(filled).path, urlsplit(template).path
    for segment, meant in zip(path.split("/"), before.split("/"), strict=True):
        if segment != meant and unquote(segment) in _NOWHERE:
            return None
    return filled


def _escaped(value: str | None) -> str:
    return quote(value or "", safe="", errors="replace")


def _origin(template: str) -> str:
    """Scheme and authority, up to where the path, query or fragment begins."""
    scheme, separator, rest = template.partition("://")
    if scheme not in SCHEMES or not separator:
        raise ValueError(f"{template!r} does not begin with https:// or http://")
    return scheme + separator + re.split(r"[/?#\\]", rest, maxsplit=1)[0]


def _host(template: str) -> str:
    origin = _origin(template)
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    bare = origin.partition("://")[2]
    expected = f"{host}:{port}" if port is not None else host
    if not host or "\\" in template or bare.lower() not in (expected, f"[{host}]", f"[{host}]:{port}"):
        raise ValueError(f"{template!r} names no host that can be read, without an account before it")
    return host


def _is_of(host: str, allowed: str) -> bool:
    allowed = allowed.lower()
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed
