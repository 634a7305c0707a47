"""The hours at which people of each country take calls: what settings begin from, so it imports nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping

ANYWHERE = "*"
HOURS: Mapping[str, str] = {
    ANYWHERE: "mon-sun 08:00-21:00, holiday 09:00-21:00",
    "AT": "mon-fri 08:00-20:00, sat 09:00-17:00",
    "AU": "mon-fri 09:00-20:00, sat 09:00-17:00",
    "BR": "mon-fri 09:00-21:00, sat 10:00-16:00",
    "CA": "mon-fri 09:00-21:30, sat-sun 10:00-18:00, holiday 10:00-18:00",
    "CH": "mon-fri 08:00-20:00, sat 09:00-17:00",
    "CN": "mon-sun 08:00-21:00, holiday 09:00-21:00, makeup 08:00-21:00",
    "DE": "mon-fri 08:00-20:00, sat 09:00-18:00",
    "ES": "mon-fri 09:00-21:00, sat 10:00-14:00",
    "FR": "mon-fri 10:00-13:00 14:00-20:00",
    "IN": "mon-sun 09:00-21:00, holiday 10:00-19:00",
    "IT": "mon-fri 09:00-20:00, sat 10:00-19:00",
    "JP": "mon-sun 09:00-21:00, holiday 09:00-21:00",
    "RU": "mon-fri 09:00-21:00, sat-sun 10:00-20:00, holiday 11:00-20:00",
    "US": "mon-sun 08:00-21:00, holiday 09:00-21:00",
}
"""At which local hours people are called back, by the country of the number; `holiday` unnamed: on none."""
