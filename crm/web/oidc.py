"""Signing in through an identity provider (OpenID Connect, authorization code with PKCE). The only file that knows
authlib.

The provider is asked where its doors are and by which keys it signs; both are kept for an hour, and a key nobody knows
is asked for once more. Called by pages/single_sign_on.py. Whatever the provider says is believed only when signed, for
us, for this very trip of this very browser.
"""

from __future__ import annotations

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import Struct

from crm.refusals import Refusal
from crm.settings import Settings

KEPT_S = 3600.0
TIMEOUT_S = 8.0
LEEWAY_S = 60
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class ProviderFailed(Refusal):
    """The identity provider is away, or says what cannot be believed."""


class Trip(Struct, frozen=True):
    """What one browser takes along: where it is sent, and what must come back."""

    url: str
    state: str
    nonce: str
    verifier: str


class Vouched(Struct, frozen=True):
    """Whom the provider vouches for: its own name for them, and the login that we look up."""

    issuer: str
    subject: str
    login: str


class Provider:
    """One identity provider, as the settings name it."""

    def __init__(self, settings: Settings, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """Raises Refusal for an address without TLS that is not this machine."""
        issuer = settings.oidc_issuer or ""
        if urlsplit(issuer).scheme != "https" and urlsplit(issuer).hostname not in _LOCAL:
            raise Refusal(f"oidc_issuer {issuer} is not https: passwords of the whole house would go in the clear")
        self._issuer = issuer.rstrip("/")
        self._settings = settings
        self._transport = transport
        self._doors: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._asked_at = 0.0

    async def depart(self, back_to: str) -> Trip:
        """Where to send the browser."""
        doors = await self._known_doors()
        nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        async with self._client(back_to) as client:
            url, state = client.create_authorization_url(
                doors["authorization_endpoint"], code_verifier=verifier, nonce=nonce
            )
        return Trip(url, state, nonce, verifier)

    async def arrive(self, code: str, back_to: str, *, nonce: str, verifier: str) -> Vouched:
        """Change the code for a signed word about the person, and read it."""
        doors = await self._known_doors()
        try:
            async with self._client(back_to) as client:
                token = await client.fetch_token(
                    doors["token_endpoint"], code=code, code_verifier=verifier, grant_type="authorization_code"
                )
        except (AuthlibBaseError, httpx2.HTTPError, ValueError) as failed:
            raise ProviderFailed("the identity provider did not confirm this sign-in: try again") from failed
        claims = await self._read(token.get("id_token"), nonce)
        claim = self._settings.oidc_login_claim
        login = claims.get(claim)
        if not isinstance(login, str) or not login:
            raise ProviderFailed(f"the identity provider does not tell {claim}: see oidc_login_claim")
        if claim == "email" and claims.get("email_verified") is not True:
            raise ProviderFailed("the identity provider has not verified this e-mail address")
        return Vouched(self._issuer, str(claims["sub"]), login)

    async def _read(self, raw: object, nonce: str) -> dict[str, Any]:
        if not isinstance(raw, str):
            raise ProviderFailed("the identity provider sent no identity")
        try:
            try:
                said = jwt.decode(raw, await self._known_keys(), algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):
                self._keys = None  # it may sign with a new key since
                said = jwt.decode(raw, await self._known_keys(), algorithms=list(ALGORITHMS))
            wanted = {"iss": {"essential": True, "value": self._issuer}, "aud": {"essential": True}}
            known = {"client_id": self._settings.oidc_client_id, "nonce": nonce}
            claims = CodeIDToken(said.claims, said.header, wanted, known)
            claims.validate(now=int(time.time()), leeway=LEEWAY_S)
        except (JoseError, AuthlibBaseError, ValueError, TypeError) as forged:
            raise ProviderFailed("what the identity provider sent cannot be believed: try again") from forged
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if self._settings.oidc_client_id not in audience:
            raise ProviderFailed("what the identity provider sent is meant for somebody else: see oidc_client_id")
        return dict(claims)

    async def _known_doors(self) -> dict[str, Any]:
        if not self._doors or time.monotonic() - self._asked_at > KEPT_S:
            doors = await self._get(f"{self._issuer}/.well-known/openid-configuration")
            if str(doors.get("issuer", "")).rstrip("/") != self._issuer:
                raise ProviderFailed("the identity provider calls itself by another name than oidc_issuer")
            if not all(isinstance(doors.get(f"{door}"), str) for door in _NEEDED):
                raise ProviderFailed("the identity provider does not tell where its doors are")
            self._doors, self._keys, self._asked_at = doors, None, time.monotonic()
        return self._doors

    async def _known_keys(self) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(await self._get(self._doors["jwks_uri"]))  # type: ignore[arg-type]
        return self._keys

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(transport=self._transport, timeout=TIMEOUT_S) as client:
                answer = await client.get(url)
                answer.raise_for_status()
                found = answer.json()
        except (httpx2.HTTPError, ValueError) as failed:
            raise ProviderFailed("the identity provider does not answer: sign in with your password") from failed
        if not isinstance(found, dict):
            raise ProviderFailed("the identity provider does not answer as one")
        return found

    def _client(self, back_to: str) -> AsyncOAuth2Client:
        secret = self._settings.oidc_client_secret
        return AsyncOAuth2Client(
            client_id=self._settings.oidc_client_id,
            client_secret=secret.get_secret_value() if secret else None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope="openid profile email",
            redirect_uri=back_to,
            code_challenge_method="S256",
            transport=self._transport,
            timeout=TIMEOUT_S,
        )


_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
