"""The certificate of an erasure: what went, when, how much; signed by the site, and naming nobody.

It is one JSON document. What is signed is its body in one fixed spelling, so that any program can check it with the
public key. Called by the deed of erasure and the command line.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec

from . import site_key
from .refusals import Refusal
from .settings import Settings

KIND = "kefu erasure certificate 1"


def issue(settings: Settings, body: dict[str, Any]) -> dict[str, Any]:
    """The signed document of a body."""
    spelled = _spelled(body)
    return {
        "kind": KIND,
        "body": body,
        "body_sha256": hashlib.sha256(spelled).hexdigest(),
        "public_key": _said(site_key.public_key(settings)),
        "signature": _said(site_key.sign(settings, spelled)),
    }


def check(raw: bytes, public: bytes) -> dict[str, Any]:
    """The body of a certificate that is whole and signed with this key; else Refusal with one sentence."""
    try:
        document = msgspec.json.decode(raw, type=dict[str, Any])
        body, signature = document["body"], base64.b64decode(document["signature"], validate=True)
        if document.get("kind") != KIND or not isinstance(body, dict):
            raise ValueError("kind")
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError):
        raise Refusal("this is no certificate of an erasure: give the file as `kefu privacy erase` wrote it") from None
    if not site_key.is_signed(public, _spelled(body), signature):
        raise Refusal("this certificate was changed, or another site signed it: its signature does not fit the key")
    return body


def public_key_of(said: str) -> bytes:
    """A public key as it is printed."""
    try:
        key = base64.b64decode(said.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Refusal("this is no public key: give it as `kefu privacy key` prints it")
    return key


def spoken_key(settings: Settings) -> str:
    """The site's public key as it is printed."""
    return _said(site_key.public_key(settings))


def _spelled(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body, order="deterministic")


def _said(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
