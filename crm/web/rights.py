"""The door-keeper of every route: `me: Annotated[Me, allowed("case.edit")]` lets in who holds the permission.

Nobody gets in without: a route that names no permission and is not in OPEN is a fault that a test finds. Called by all
pages and the api as the type of a parameter; who holds what is said in crm/rules/rights.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from crm.refusals import Refusal
from crm.rules.rights import PERMISSIONS, masked

from .sign_in import Me, SignedIn, seated


class CodeNeeded(Refusal):
    """The role of whoever asks needs a second factor, which they have not set up yet."""


class NotAllowed(Refusal):
    """The role of whoever asks does not reach so far."""


OPEN: dict[tuple[str, str], str] = {
    ("GET", "/"): "leads to the sign-in",
    ("GET", "/sign-in"): "the way in",
    ("POST", "/sign-in"): "the way in",
    ("GET", "/sign-in/code"): "the second half of the way in",
    ("POST", "/sign-in/code"): "the second half of the way in",
    ("GET", "/sign-in/oidc"): "leads to the identity provider",
    ("GET", "/sign-in/oidc/back"): "the way in from there",
    ("POST", "/language"): "the sign-in page has it, too",
    ("GET", "/call-me"): "strangers ask to be called back, where the site offers it",
    ("POST", "/call-me"): "likewise; counted, and it tells nothing of anybody",
    ("GET", "/call-me/widget.js"): "what other sites embed, where the site names them",
    ("GET", "/call-me/offer"): "likewise",
    ("GET", "/call-me/frame"): "likewise",
    ("POST", "/call-me/frame"): "likewise; counted as the page is",
    ("GET", "/healthz"): "for the supervisor of processes",
    ("GET", "/readyz"): "for load balancers",
    ("GET", "/metrics"): "counts, no callers",
}
"""The only routes that ask for no permission, and why."""


@cache
def allowed(permission: str) -> Any:
    """A parameter of whoever is signed in and holds `permission`; for all others NotAllowed (403) in one sentence."""
    return Depends(_check(permission, at_seat=False), scope="function")


@cache
def allowed_at_seat(permission: str) -> Any:
    """The same for whoever also sits at a seat; others are led to the choice of one."""
    return Depends(_check(permission, at_seat=True), scope="function")


def permissions_of(route: APIRoute) -> set[str]:
    """What a route declares."""
    return {found for call in _calls(route.dependant) if (found := getattr(call, "permission", None))}


def _check(permission: str, *, at_seat: bool) -> Any:
    if permission not in PERMISSIONS:
        raise ValueError(f"permission {permission!r} is in no list: add it to crm/rules/rights.py")

    async def check(request: Request, me: SignedIn) -> Me:
        return _held(request, me, permission)

    async def check_at_seat(request: Request, me: SignedIn) -> Me:
        return await seated(_held(request, me, permission))

    chosen: Any = check_at_seat if at_seat else check
    chosen.permission = permission
    return chosen


def hidden_from(request: Request, me: Me | None) -> frozenset[str]:
    """The fields that this person sees masked."""
    return masked(me.role, request.app.state.settings.masked_fields) if me else frozenset()


def _held(request: Request, me: Me, permission: str) -> Me:
    needed: list[str] = request.app.state.settings.second_factor_roles
    if permission != "own.settings" and me.scopes is None and not me.has_codes and me.role in needed:
        raise CodeNeeded("your role needs codes from a phone beside the password: set them up first")
    if not me.may(permission):
        raise NotAllowed(f"your role ({me.role}) does not include this ({permission}): ask an administrator")
    request.state.hidden = hidden_from(request, me)
    return me


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
