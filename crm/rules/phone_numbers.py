"""One way to write a phone number: E.164, so that the same phone is found however it was typed or signalled.

Called by the IVR (who calls?), by the web and command line when numbers are saved. Pure: the country is an argument.
"""

from __future__ import annotations

import phonenumbers
from msgspec import Struct
from phonenumbers import PhoneNumberType

LONGEST_RAW = 64

_KINDS = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "company",
    PhoneNumberType.VOICEMAIL: "voicemail",
}


class NumberRead(Struct, frozen=True):
    """A number as it is kept: as typed, in E.164 (None: not dialable), the country it was read from, whether its range
    is in use (valid) or only its length is right (possible), and what kind of line it reaches."""

    raw: str
    e164: str | None
    country: str
    validity: str
    kind: str


def to_e164(raw: str | None, country: str) -> str | None:
    """E.164 of a number as typed or as signalled by a trunk, read as dialled from `country` (ISO code, "CN").

    None when nothing dialable is meant: withheld, an internal extension, a local number without its area code
    (two cities may share it), letters, or far too long. Extensions behind the number are dropped.
    """
    number = _parsed(raw, country)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number else None


def read_number(raw: str, country: str) -> NumberRead:
    """All that is kept of a number that was typed or came in a file."""
    raw = "".join(character for character in raw if character.isprintable()).strip()
    number = _parsed(raw, country)
    if number is None:
        return NumberRead(raw, None, country, "unreadable", "unknown")
    kind = phonenumbers.number_type(number)  # unknown for exactly the numbers that are not valid
    validity = "possible" if kind == PhoneNumberType.UNKNOWN else "valid"
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return NumberRead(raw, e164, country, validity, _KINDS.get(kind, "unknown"))


def is_country(country: str) -> bool:
    """Whether numbers can be read as dialled from there ("CN")."""
    return country in phonenumbers.SUPPORTED_REGIONS


def country_code(country: str) -> int:
    """What stands before a country's numbers abroad: 86 for CN."""
    return phonenumbers.country_code_for_region(country)


def _parsed(raw: str | None, country: str) -> phonenumbers.PhoneNumber | None:
    if not raw or len(raw) > LONGEST_RAW or not raw.isprintable():
        return None
    try:
        number = phonenumbers.parse(_without_scheme(raw), country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return number


def _without_scheme(raw: str) -> str:
    """SIP and tel URIs reduced to their user part: `sip:+8613800138000@trunk` is one phone with `+8613800138000`."""
    text = raw.strip()
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in ("sip", "sips", "tel"):
        text = rest.partition("@")[0].partition(";")[0]
    return text


def is_far(e164: str, country: str) -> bool:
    """Whether a call to it leaves the country or costs more than one inside it."""
    number = _parsed(e164, country)
    if number is None or number.country_code != phonenumbers.country_code_for_region(country):
        return True
    return phonenumbers.number_type(number) in (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)
