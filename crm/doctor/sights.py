"""What a round has seen of Asterisk, handed from probe to probe. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class AsteriskSeen:
    """Folders are as Asterisk itself names them; `here` says whether they lie on this machine."""

    here: bool = False
    banner: str | None = None
    version: str = ""
    etc_folder: str = "/etc/asterisk"
    log_folder: Path = Path("/var/log/asterisk")
    data_folder: Path = Path("/usr/share/asterisk")
    reader_actions: frozenset[str] = frozenset()
    actor_actions: frozenset[str] = frozenset()
    queues: list[str] = field(default_factory=list)
    seats: list[tuple[str, str, str]] = field(default_factory=list)
    """Queue, interface and penalty of each seat that stands in a queue."""
    ear_test_id: str = ""
    """Linkedid of the call that the hop `events` placed."""
