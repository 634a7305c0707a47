"""The ways one phone number may stand in old rows: as signalled by a trunk, as dialled at home, as dialled abroad.

Called where rows that keep a number as it came (conversations) are searched by a number in E.164. Pure.
"""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

KEPT = 10_000
"""The same callers are on every look at a desk, and the library reads a number anew each time."""


@lru_cache(maxsize=KEPT)
def spellings(e164: str) -> tuple[str, ...]:
    """E.164 with and without its plus, with 00, and in the country's own way with and without its trunk prefix."""
    digits = e164.removeprefix("+")
    ways = [e164, digits, f"00{digits}"]
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return tuple(ways)
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    significant = phonenumbers.national_significant_number(number)
    ways.append(significant)
    ways.append("".join(filter(str.isdigit, national)))
    # Trunks put the prefix before mobiles of other provinces, too, where the national way of writing has none.
    if (region := phonenumbers.region_code_for_number(number)) is not None:
        ways.append((phonenumbers.ndd_prefix_for_region(region, True) or "") + significant)
    return tuple(dict.fromkeys(ways))
