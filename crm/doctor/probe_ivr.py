"""Calls the menu server as Asterisk would, and hangs up after its first word."""

from __future__ import annotations

import asyncio
import os

from . import PROBE_ID, judging_house
from .findings import Verdict, broken
from .rounds import Round

ANSWER_WITHIN_S = 2.0
"""As long as Asterisk itself waits for a connection."""


async def fastagi(round_: Round) -> Verdict:
    """The menu server answers the flow name `doctor` with its own name, and tells no call of it."""
    settings = round_.known_settings
    host, port = settings.fastagi_host, settings.fastagi_port
    host = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    where = f"{host}:{port}"
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return broken("fastagi-silent", f"{where} does not take connections")
    except OSError as away:
        return broken("fastagi-away", f"nothing answers at {where} ({os.strerror(away.errno) if away.errno else away})")
    try:
        writer.write(_environment(host))
        async with asyncio.timeout(ANSWER_WITHIN_S):
            said: str | None = (await reader.readline()).decode("utf-8", "replace").strip()
    except TimeoutError:
        said = None
    except (OSError, ValueError):
        said = ""
    finally:
        writer.close()
    return judging_house.judge_fastagi(where, port, said)


def _environment(host: str) -> bytes:
    told = {
        "agi_network": "yes",
        "agi_network_script": "doctor",
        "agi_request": f"agi://{host}/doctor",
        "agi_channel": "Local/doctor",
        "agi_uniqueid": f"{PROBE_ID}agi",
        "agi_version": "doctor",
        "agi_callerid": "unknown",
        "agi_extension": "s",
        "agi_priority": "1",
        "agi_enhanced": "0.0",
        "agi_arg_1": f"{PROBE_ID}agi",
    }
    return "".join(f"{name}: {value}\n" for name, value in told.items()).encode() + b"\n"
