"""Languages of the pages: which one to speak to whom, and its catalog.

A catalog is read from its compiled `.mo`; where only the `.po` source is at hand (a checkout not yet built) it is
compiled in memory. Called by rendering and by the pages; knows Babel, nothing of HTTP.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

CATALOGS = Path(__file__).parents[1] / "locale"
DOMAIN = "messages"

LOCALES: Mapping[str, str] = {"en": "en", "zh": "zh_CN"}
"""The agent's language as stored → the catalog's folder."""
TAGS: Mapping[str, str] = {"en": "en", "zh": "zh-CN"}
"""As HTML says it."""
NAMES: Mapping[str, str] = {"en": "English", "zh": "中文"}


@cache
def catalog(language: str) -> Translations:
    """The messages of one language. Raises FileNotFoundError with the remedy when neither source nor build exists."""
    folder = CATALOGS / LOCALES[language] / "LC_MESSAGES"
    compiled, source = folder / f"{DOMAIN}.mo", folder / f"{DOMAIN}.po"
    if compiled.is_file() and (not source.is_file() or compiled.stat().st_mtime >= source.stat().st_mtime):
        with compiled.open("rb") as file:
            return Translations(file, domain=DOMAIN)
    if not source.is_file():
        raise FileNotFoundError(f"no message catalog for {language} in {folder}: run `make assets`")
    built = io.BytesIO()
    with source.open("rb") as file:
        write_mo(built, read_po(file, locale=LOCALES[language], domain=DOMAIN))
    built.seek(0)
    return Translations(built, domain=DOMAIN)


@cache
def locale(language: str) -> Locale:
    """How dates and amounts are written in a language."""
    return Locale.parse(LOCALES[language])


def chosen(*wishes: str | None) -> str | None:
    """The first wish that is a language of ours."""
    return next((wish for wish in wishes if wish in LOCALES), None)


def accepted(header: str | None) -> str:
    """The language of a browser's Accept-Language header, English when it asks for none of ours."""
    weighed: list[tuple[float, str]] = []
    for part in (header or "")[:200].split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((float(weight or 1), name))
        except ValueError:
            continue
    wanted = [name for _, name in sorted(weighed, key=lambda pair: -pair[0]) if name]
    found = negotiate_locale([name.split("-")[0].lower() for name in wanted], list(LOCALES), sep="-")
    return found or "en"
