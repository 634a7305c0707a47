"""The ways one phone number may stand in old rows: as signalled by a trunk, as dialled at home, as dialled abroad.

Called where rows that keep a number as it came (conversations) are searched by a number in E.164. Pure.
"""

from __future__ import annotations

import phonenumbers


def spellings(e164: str) -> list[str]:
    """E.164 with and without its plus, with 00, and in the country's own way with and without its trunk prefix."""
    digits = e164.removeprefix("+")
    ways = [e164, digits, f"00{digits}"]
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return ways
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    ways.append(phonenumbers.national_significant_number(number))
    ways.append("".join(filter(str.isdigit, national)))
    return list(dict.fromkeys(ways))
