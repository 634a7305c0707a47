"""Addresses in a foreign CRM: whatever a caller sends as a number or name, the browser goes where the template says."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm.rules.url_templates import PLACES, check, fill

HOSTS = ["crm.example", "*.apps.example"]
HOSTILE = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    [
        "..",
        ".",
        "%2e%2e",
        "//evil.example",
        "@evil.example",
        "javascript:alert(1)",
        "\r\nHost: evil",
        "a&b=c#d?e",
        "\\\\evil",
    ]
)


@given(HOSTILE, HOSTILE)
@example("..", "../..")
@example("/../../evil", "?x")
def test_a_hostile_value_stays_a_value(caller: str, name: str) -> None:
    template = "https://crm.example/open/{caller}/card?name={caller_name}&x=1#{queue}"
    check(template, HOSTS)
    filled = fill(template, {"caller": caller, "caller_name": name})
    if filled is None:
        assert caller in ("..", ".")
        return
    parts = urlsplit(filled)
    assert (parts.scheme, parts.netloc) == ("https", "crm.example")
    assert filled.isascii()
    assert filled.isprintable()
    assert [unquote(part) for part in parts.path.split("/")] == ["", "open", caller, "card"]
    assert parse_qs(parts.query, keep_blank_values=True) == {"name": [name], "x": ["1"]}


@given(HOSTILE, HOSTILE)
def test_two_values_in_one_segment_never_climb(one: str, other: str) -> None:
    template = "https://crm.example/a/{caller}{queue}/b/.{caller}"
    filled = fill(template, {"caller": one, "queue": other})
    if filled is not None:
        assert not {"..", "."} & {unquote(part) for part in urlsplit(filled).path.split("/")}


def test_what_is_unknown_is_empty_and_plus_is_kept_apart_from_blanks() -> None:
    template = "https://crm.example/s?phone={caller_e164}&code={customer_code}"
    assert fill(template, {"caller_e164": "+8613800138000", "customer_code": None}) == (
        "https://crm.example/s?phone=%2B8613800138000&code="
    )


@pytest.mark.parametrize(
    "template",
    [
        *(f"https://crm.example/?x={{{place}}}" for place in PLACES),
        "https://a.apps.example:8443/x",
        "http://crm.example/{caller}",
        "HTTPS://crm.example/".lower(),
    ],
)
def test_good_templates(template: str) -> None:
    check(template, HOSTS)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("javascript:alert({caller})", "does not begin with https"),
        ("https://{caller}.crm.example/", "may not choose the host"),
        ("https://crm.example{caller}/", "may not choose the host"),
        ("https://crm.example.evil.example/", "pop_url_hosts does not list"),
        ("https://apps.example/", "pop_url_hosts does not list"),
        ("https://evilapps.example/", "pop_url_hosts does not list"),
        ("https://evil.example/{caller}", "pop_url_hosts does not list"),
        ("https://user:pass@crm.example/", "names no host"),
        ("https://crm.example@evil.example/", "names no host"),
        ("https://evil.example\\@crm.example/", "names no host"),
        ("https://crm.example:99999999/", "names no host"),
        ("https:///x", "names no host"),
        ("https://crm.example/{password}", "{password} is unknown"),
        ("https://crm.example/{caller.__class__}", "is unknown"),
        ("https://crm.example/{caller", "a brace without its other half"),
        ("https://crm.example/a b", "is no address"),
        ("https://crm.example/\n", "is no address"),
        ("https://crm.example/" + "x" * 3000, "is no address"),
        ("https://客服.example/", "is no address"),
    ],
)
def test_bad_templates_are_named_in_one_sentence(template: str, told: str) -> None:
    with pytest.raises(ValueError, match=r".*") as refused:
        check(template, HOSTS)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
