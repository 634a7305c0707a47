"""Templates made into pages: one Jinja environment a language, the filters, and where the built assets lie.

Called by everything under pages/. Everything is escaped unless a filter of our own made it; no database here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency
from jinja2 import FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crm.refusals import Refusal

from .language import NAMES, TAGS, catalog, locale
from .outcome_words import OutcomeWords
from .sentences import say
from .whole_templates import WholeEnvironment
from .words import label_of, tone_of

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
WORDS_KEPT = 4096
"""The same days and amounts are on every look at a card, and each takes Babel longer than a whole part of the page."""
ASSETS = ("page.js", "live-worker.js", "kefu.css", "kefu.svg", "call-me.js", "call-me-frame.js", "call-me.css")


class Pages:
    """All templates in all languages, ready to render."""

    def __init__(self, zone: ZoneInfo, outcomes: OutcomeWords) -> None:
        """`zone`: in which time of day is told. `outcomes`: what rows call them. Raises Refusal when the assets were
        never built."""
        self._zone = zone
        self._outcomes = outcomes
        self._versions = _asset_versions()
        self._environments = {language: self._environment(language) for language in NAMES}

    def render(self, language: str, template: str, context: Mapping[str, Any]) -> str:
        """One page or fragment in one language."""
        return self._environments[language].get_template(template).render(context)

    def asset(self, name: str) -> str:
        """The address of a built file; it changes with the content, so browsers may keep it for good."""
        return f"/static/{name}?v={self._versions[name]}"

    def _environment(self, language: str) -> WholeEnvironment:
        environment = WholeEnvironment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        words = catalog(language)
        environment.translate = words.gettext
        environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
        environment.policies["ext.i18n.trimmed"] = True
        environment.globals.update(
            language=language,
            languages=NAMES,
            html_language=TAGS[language],
            asset=self.asset,
            label=lambda kind, code: words.gettext(text) if (text := label_of(kind, code)) else "",
            tone=tone_of,
            outcome_title=lambda code: self._outcomes.title(code, language) if code else "",
            outcome_tone=lambda code: self._outcomes.tone(code) if code else "",
        )
        environment.filters.update(
            clock=clock,
            span=span,
            minutes=partial(minutes, gettext=words.gettext),
            said=partial(say, gettext=words.gettext),
            instant=datetime.fromisoformat,
            moment=partial(moment, zone=self._zone, language=language),
            day=partial(day, zone=self._zone, language=language),
            time_of_day=partial(time_of_day, zone=self._zone),
            money=partial(money, language=language),
            figure=figure,
        )
        return environment


def span(seconds: float | None) -> str:
    """A span in h:mm:ss or m:ss, as the pages' script writes it too."""
    if seconds is None:
        return ""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def minutes(seconds: float, *, gettext: Callable[[str], str]) -> str:
    """A span told in minutes, hours and days, as far as anybody cares."""
    whole = max(0, int(seconds)) // 60
    if whole < 60:
        return gettext("%(minutes)d min") % {"minutes": whole}
    if whole < 48 * 60:
        return gettext("%(hours)d h %(minutes)d min") % {"hours": whole // 60, "minutes": whole % 60}
    return gettext("%(days)d d %(hours)d h") % {"days": whole // 1440, "hours": whole // 60 % 24}


def figure(value: float | None, name: str) -> str:
    """A figure of the own day: a count, a mean in minutes, a share in per cent."""
    if value is None:
        return "–"
    if name in ("talk", "acw"):
        return span(value)
    return f"{value:.0%}" if name in ("occupancy", "outcome_share") else f"{value:g}"


def clock(since: datetime | None, now: datetime) -> Markup:
    """A clock that counts up in the browser, from a moment to now."""
    if since is None:
        return Markup()
    text = span((now - since).total_seconds())
    return Markup('<time data-since="{}">{}</time>').format(round(since.timestamp() * 1000), text)


def time_of_day(at: datetime | None, *, zone: ZoneInfo) -> str:
    """14:02, in the call center's own time."""
    return f"{at.astimezone(zone):%H:%M}" if at else ""


def day(at: datetime | None, *, zone: ZoneInfo, language: str) -> str:
    """A date without its time."""
    return _day(at.astimezone(zone).date(), language) if at else ""


def moment(at: datetime | None, now: datetime, *, zone: ZoneInfo, language: str) -> str:
    """When something was: only the time of day if it was today."""
    if at is None:
        return ""
    local = at.astimezone(zone)
    if local.date() == now.astimezone(zone).date():
        return f"{local:%H:%M}"
    return _moment(local.replace(second=0, microsecond=0, tzinfo=None), language)


@lru_cache(maxsize=WORDS_KEPT)
def money(amount: Decimal | float, currency: str, *, language: str) -> str:
    """An amount with its currency's sign."""
    return format_currency(amount, currency, locale=locale(language))


@lru_cache(maxsize=WORDS_KEPT)
def _day(on: date, language: str) -> str:
    return format_date(on, "medium", locale=locale(language))


@lru_cache(maxsize=WORDS_KEPT)
def _moment(local: datetime, language: str) -> str:
    pattern = "MMM d, HH:mm" if language == "en" else "M月d日 HH:mm"
    return format_datetime(local, pattern, locale=locale(language))


def _asset_versions() -> dict[str, str]:
    missing = [name for name in ASSETS if not (STATIC / name).is_file()]
    if missing:
        raise Refusal(f"the pages' files ({', '.join(missing)}) are not built: run `make assets`")
    return {name: hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12] for name in ASSETS}
