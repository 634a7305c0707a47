"""The site's own secret, and the keys made of it: one to sign certificates, one to keep other secrets in.

32 random bytes in `site.key` of the data folder, made at the first need and readable by its owner alone, or given as
`site_key` in the settings (services on several machines need the same one). The only file that knows `cryptography`.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .refusals import Refusal
from .settings import Settings

FILE = "site.key"
_BYTES = 32


def sign(settings: Settings, message: bytes) -> bytes:
    """An Ed25519 signature of the site."""
    return _signing_key(settings).sign(message)


def public_key(settings: Settings) -> bytes:
    """The 32 bytes by which anybody can check the site's signatures."""
    return _signing_key(settings).public_key().public_bytes_raw()


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether whoever holds the private half of `public` has signed this very message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def lock_away(settings: Settings, secret: bytes) -> bytes:
    """A secret as it may lie in the database."""
    return _safe(settings).encrypt(secret)


def take_out(settings: Settings, kept: bytes) -> bytes:
    """The secret again. Refusal when it was locked away with another site's key."""
    try:
        return _safe(settings).decrypt(kept)
    except InvalidToken:
        raise Refusal(
            f"a secret was kept with another site key: give the one of then as site_key, or bring back {FILE}"
        ) from None


def mark(settings: Settings, secret: bytes) -> bytes:
    """By what a secret is known again without being kept; worthless to whoever has the database alone."""
    return hmac.digest(_derived(settings, b"kefu marks"), secret, "sha256")


def _signing_key(settings: Settings) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_derived(settings, b"kefu certificates"))


def _safe(settings: Settings) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(settings, b"kefu secrets")))


def _derived(settings: Settings, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_BYTES, salt=None, info=purpose).derive(_site_key(settings))


def _site_key(settings: Settings) -> bytes:
    if settings.site_key is not None:
        return bytes.fromhex(settings.site_key.get_secret_value())
    path = settings.data_folder / FILE
    try:
        return bytes.fromhex(_read_or_make(path))
    except (OSError, ValueError) as unusable:
        raise Refusal(
            f"the site's key {path} cannot be used ({unusable}): let it hold 64 hexadecimal digits, or set site_key"
        ) from None


def _read_or_make(path: Path) -> str:
    """Whoever comes second reads what the first wrote: the file appears whole, by a link that refuses to replace."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())
            if not path.exists():
                os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    written = path.read_text().strip()
    if len(bytes.fromhex(written)) != _BYTES:
        raise ValueError("it is too short or too long")
    return written
