"""The kinds of values that settings have: what fits, and how a person is told what would. Used by crm.settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

Port = Annotated[int, Field(ge=1, le=65535, description="a port number from 1 to 65535")]
HealthPort = Annotated[int, Field(ge=0, le=65535, description="a port number from 1 to 65535, or 0 for none")]
Seconds = Annotated[float, Field(gt=0, le=86400, description="a number of seconds above 0, such as 10")]
Milliseconds = Annotated[int, Field(ge=1, le=60000, description="whole milliseconds from 1 to 60000")]
Count = Annotated[int, Field(ge=1, le=100000, description="a whole number from 1 to 100000")]
Switch = Annotated[bool, Field(description="true or false")]
Minutes = Annotated[float, Field(ge=0, le=120, description="minutes from 0 to 120")]
Word = Annotated[str, Field(min_length=1, description="a word that is not empty")]


def data_folder() -> Path:
    """Where our own files lie unless told otherwise. An ordinary user's home is closed to the unprivileged account that
    Postgres needs when we run as root."""
    return Path("/var/lib/kefu") if os.geteuid() == 0 else Path.home() / ".local" / "share" / "kefu"
