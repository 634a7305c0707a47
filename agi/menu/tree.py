"""A checked menu: what `asterisk-conf/ivr/*.yaml` becomes once it has no fault.

Made by checking.py, walked by flows/menu.py. Nothing here can lead nowhere: every menu named exists and every
menu says what follows a wrong key, silence and the last try.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from agi.steps import Goodbye, JoinQueue, Transfer, Voicemail

Prompts = tuple[str, ...]


class GoTo(Struct, frozen=True):
    """On to another menu (or the same one again)."""

    menu: str


class Tell(Struct, frozen=True):
    """Read something from the caller's own record; each way that it can go has a route of its own."""

    subject: Literal["order_status"]
    told: Route
    not_found: Route
    unavailable: Route


class Route(Struct, frozen=True):
    """What follows a key or a bad end: prompts first, then `then`; `then` None asks the same menu again."""

    play: Prompts = ()
    matter: str | None = None
    language: str | None = None
    then: GoTo | Tell | JoinQueue | Voicemail | Transfer | Goodbye | None = None


class Menu(Struct, frozen=True):
    """One question with its keys. After `tries` wrong keys or silences the caller takes `out_of_tries`."""

    name: str
    ask: Prompts
    keys: dict[str, Route]
    wrong_key: Route
    silence: Route
    out_of_tries: Route
    tries: int
    timeout_s: float


class LanguageMenu(Struct, frozen=True):
    """The question heard before anything else by a caller whose language is not known."""

    ask: Prompts
    keys: dict[str, str]
    otherwise: str
    tries: int
    timeout_s: float


class MenuTree(Struct, frozen=True):
    """One whole file."""

    language: LanguageMenu
    welcome: Prompts
    closed: Route
    start: str
    menus: dict[str, Menu]


OTHER_LANGUAGE = "other"
