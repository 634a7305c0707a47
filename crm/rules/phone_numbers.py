"""One way to write a phone number: E.164, so that the same phone is found however it was typed or signalled.

Called by the IVR (who calls?), by the web and command line when numbers are saved. Pure: the country is an argument.
"""

from __future__ import annotations

import phonenumbers

LONGEST_RAW = 64


def to_e164(raw: str | None, country: str) -> str | None:
    """E.164 of a number as typed or as signalled by a trunk, read as dialled from `country` (ISO code, "CN").

    None when nothing dialable is meant: withheld, an internal extension, a local number without its area code
    (two cities may share it), letters, or far too long. Extensions behind the number are dropped.
    """
    if not raw or len(raw) > LONGEST_RAW or not raw.isprintable():
        return None
    try:
        number = phonenumbers.parse(_without_scheme(raw), country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _without_scheme(raw: str) -> str:
    """SIP and tel URIs reduced to their user part: `sip:+8613800138000@trunk` is one phone with `+8613800138000`."""
    text = raw.strip()
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in ("sip", "sips", "tel"):
        text = rest.partition("@")[0].partition(";")[0]
    return text
