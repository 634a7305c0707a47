"""AMI blocks → frozen events. `read(block) -> Event | Unreadable | None`, with None for what is not followed.

One module a family; `reading.py` holds the one table event name → reader. Pure: no clock, no I/O.
"""

from .headers import Event, Unreadable, encode
from .names import KNOWN_NAMES, UnknownName
from .reading import FOLLOWED, SKIPPED_INSIDE, read

__all__ = ["FOLLOWED", "KNOWN_NAMES", "SKIPPED_INSIDE", "Event", "UnknownName", "Unreadable", "encode", "read"]
