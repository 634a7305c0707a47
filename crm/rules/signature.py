"""How a webhook proves that it is ours: HMAC-SHA256 over the delivery's id, the time and the body.

It is the scheme of the open specification Standard Webhooks (headers webhook-id, webhook-timestamp, webhook-signature;
secrets begin with whsec_), so receivers find a library in their language. `verify` is what docs/integrations.md gives
to those who want none. Pure: the time is an argument.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
SECRET_BYTES = (24, 64)
TOLERANCE_S = 300
"""An older or younger signature is not believed: a recorded delivery cannot be sent again later."""


def encode_secret(random: bytes) -> str:
    """A secret as it is shown to people."""
    return PREFIX + base64.b64encode(random).decode()


def read_secret(secret: str) -> bytes:
    """The key in a secret. ValueError, which never repeats it, when it is none."""
    shortest, longest = SECRET_BYTES
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not shortest <= len(key) <= longest:
        raise ValueError(f"a secret is {PREFIX} and {shortest} to {longest} bytes in base64")
    return key


def sign(secret: str, delivery_id: str, at_s: int, body: bytes) -> str:
    """The value of the header webhook-signature; `at_s` in whole seconds since 1970 goes into webhook-timestamp."""
    signed = f"{delivery_id}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(read_secret(secret), signed, hashlib.sha256)).decode()


def headers(secret: str, delivery_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt. The id is the same over all attempts, time and signature are not."""
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": sign(secret, delivery_id, at_s, body),
    }


def verify(secret: str, delivery_id: str, timestamp: str, signature: str, body: bytes, now_s: float) -> str | None:
    """None when the delivery is ours and fresh; else why it is not to be believed.

    `signature` may list several, parted by blanks: one that fits is enough (while a secret is being changed).
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return "the time is not whole seconds since 1970"
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        return "the signature is too old, or the clocks differ by minutes"
    expected = sign(secret, delivery_id, int(timestamp), body).encode()
    if not any(hmac.compare_digest(expected, given.encode()) for given in signature.split(" ")):
        return "the signature does not fit: another secret, or the body was changed"
    return None
