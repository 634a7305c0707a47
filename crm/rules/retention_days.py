"""How many days each kind of row is kept, unless the site says otherwise. Called by settings and retention. Pure."""

from __future__ import annotations

from collections.abc import Mapping

DAYS: dict[str, int] = {
    "voicemail": 365,
    "caller_facts": 1095,
    "visit": 1095,
    "routing": 1095,
    "conversation": 1095,
    "callback": 1095,
    "customer_case": 0,
    "seat_session": 1095,
    "pbx_request": 90,
    "raised_hand": 365,
    "posture_change": 365,
    "after_call_extension": 90,
    "correction": 365,
    "blind_window": 365,
    "follow_up": 365,
    "desk_message": 365,
    "set_aside": 90,
    "queue_notice": 365,
    "sign_in": 1,
    "half_sign_in": 1,
    "oidc_trip": 1,
    "legal_hold": 365,
    "customer_import": 90,
}
"""0: for good. Customers, their orders and notes go only with an erasure; the audit stays."""
MOST_DAYS = 36500


def days_of(table: str, said: Mapping[str, int]) -> int:
    """The days in force for a kind."""
    return said.get(table, DAYS[table])


def check(said: Mapping[str, int]) -> None:
    """Raises ValueError with one sentence where a kind is unknown or a number impossible."""
    for table, days in said.items():
        if table not in DAYS:
            raise ValueError(f"nothing is kept by days under {table!r}: it is one of {', '.join(sorted(DAYS))}")
        if not 0 <= days <= MOST_DAYS:
            raise ValueError(f"{table}: {days} days cannot be meant, 0 (for good) to {MOST_DAYS} can")
