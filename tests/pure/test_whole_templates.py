"""Templates compiled whole show what they showed when every part and sentence was asked for at every page."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2 import DictLoader, Environment, StrictUndefined, UndefinedError

from crm.web.outcome_words import OutcomeWords
from crm.web.rendering import FOLDER, Pages
from crm.web.whole_templates import WholeEnvironment

SENTENCES = {"Hello": "你好 <b>", "100% %(who)s": "%(who)s 百分之百 100%%", "50%%": "一半 50%%"}
PARTS = {
    "part.html": "{% set mine = 'inner ' ~ each %}[{{ mine }}{{ outer }}{% include 'deep.html' %}]",
    "deep.html": "({{ _('Hello') }} {{ each }})",
    "frame.html": "<{% block body %}{% endblock %}>",
}


def _pages(template: str, **context: Any) -> tuple[str, str]:
    """By both kinds of environment."""
    shown = []
    for kind in (Environment, WholeEnvironment):
        environment = kind(
            loader=DictLoader({**PARTS, "page.html": template}),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
        )
        say = lambda sentence: SENTENCES.get(sentence, sentence)  # noqa: E731
        environment.install_gettext_callables(say, lambda one, many, n: one if n == 1 else many, newstyle=True)  # type: ignore[attr-defined]
        environment.translate = say  # type: ignore[attr-defined]
        shown.append(environment.get_template("page.html").render(context))
    return shown[0], shown[1]


@pytest.mark.parametrize(
    "template",
    [
        "{{ _('Hello') }}{{ _('unknown <i>') }}{{ _('50%%') }}",
        "{{ _('100% %(who)s', who=name) }}{{ _('again %(a)s %(b)s', a=name, b=3) }}",
        "{% set outer = name %}{% for each in (1, 2) %}{% include 'part.html' %}{% endfor %}{{ outer }}",
        "{{ (nothing or _('Hello'))|upper }}{{ ngettext('%(num)d one', '%(num)d many', 2) }}",
        "{% trans who=name %}100% {{ who }}{% endtrans %}{{ [_('Hello'), name]|join(', ') }}",
        "{% extends 'frame.html' %}{% block body %}{% set each = name %}{% include 'deep.html' %}{% endblock %}",
    ],
)
def test_a_whole_template_shows_the_same(template: str) -> None:
    plain, whole = _pages(template, name="<Wang & 王>", nothing="")
    assert whole == plain
    assert "<Wang" not in whole


def test_what_a_part_sets_is_not_seen_outside() -> None:
    with pytest.raises(UndefinedError):
        _pages("{% for each in (1,) %}{% set outer = 0 %}{% include 'part.html' %}{{ mine }}{% endfor %}")


def test_every_template_can_be_compiled_in_every_language() -> None:
    pages = Pages(ZoneInfo("UTC"), OutcomeWords())
    names = [str(each.relative_to(FOLDER / "templates")) for each in Path(FOLDER / "templates").rglob("*.html")]
    for environment in pages._environments.values():
        assert [name for name in names if not environment.get_template(name).root_render_func] == []
