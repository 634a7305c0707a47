"""How every service speaks to its operator: one line a fact on stderr, JSON unless a person looks at a terminal.

Each service calls `set_up_logs` once at its start; rooms then use `structlog.get_logger()` or plain `logging`, both
come out alike. Whoever serves a call binds it for all that runs below: `with about_conversation(linkedid): …`.
Secrets and whole phone numbers never leave here, whoever wrote the line: a number keeps its last four digits.
Imports no other room of crm.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import IO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "•••"
QUIET_LIBRARIES = (
    *("uvicorn.access", "sqlalchemy", "asyncio", "panoramisk", "alembic", "watchfiles", "procrastinate"),
    *("httpx2", "httpcore2"),
)

_SECRET_NAME = re.compile(r"secret|password|passwd|token|authorization|cookie|credential|database_url", re.IGNORECASE)
_NUMBER_NAME = re.compile(r"caller|phone|dialled|number|callerid", re.IGNORECASE)
# What looks like a number and is none: channels, dates and times, decimals, Linkedids, addresses, ids with letters.
_KEPT = "|".join(
    (
        r"[A-Z][A-Za-z]+/[\w.]{1,8}-[0-9a-f]{8}",
        r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d\S*)?",
        r"\d+(?:\.\d+)+",
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}",
        r"(?!\w*\d{9})\w*[A-Za-z_]\w*",
    )
)
_NUMBER = r"(?P<number>\+?\d(?:[ ()\-/]{0,2}\d){6,17})"
_NUMBERS = re.compile(f"(?P<kept>{_KEPT})|{_NUMBER}", re.ASCII)
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*):[^\s/@]+@")
_SAID_SECRET = re.compile(r"""\b(secret|password|token)(["']?\s*[:=]\s*["']?)([^\s"',}]+)""", re.IGNORECASE)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(0x80, 0xA0))}
_CONTROL_BUT_LINES = {code: text for code, text in _CONTROL.items() if code not in (9, 10)}


def set_up_logs(
    service: str,
    *,
    node: str | None = None,
    level: str = "info",
    stream: IO[str] | None = None,
    pretty: bool | None = None,
) -> None:
    """Send all that this process logs to `stream` (stderr). `pretty` None: only where the stream is a terminal."""
    stream = stream or sys.stderr
    pretty = stream.isatty() if pretty is None else pretty
    bound = {"service": service} | ({"node": node} if node else {})

    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**bound, **event}

    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        name_service,
    ]
    ending: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,  # as text, never with local variables: they hold secrets
        scrub,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _in_reading_order,
        structlog.dev.ConsoleRenderer(timestamp_key="at", sort_keys=False)
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.ExtraAdder()], processors=ending
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def about_conversation(linkedid: str, **more: object) -> AbstractContextManager[None]:
    """All that is logged inside, also by tasks started there, carries the conversation's Linkedid."""
    return structlog.contextvars.bound_contextvars(conversation=linkedid, **more)


def scrub(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Hide secrets and phone numbers in every value, and make control characters visible."""
    return {name: _scrubbed(name, value) for name, value in event.items()}


def scrub_text(text: str) -> str:
    """`text` with secrets hidden and each phone number cut to its last four digits."""
    text = _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    text = _SAID_SECRET.sub(rf"\1\2{HIDDEN}", text)
    return _NUMBERS.sub(_shortened, text)


def short_number(number: str) -> str:
    """The last four digits of a phone number, for a line that must name it."""
    digits = re.sub(r"\D", "", number, flags=re.ASCII)
    return f"…{digits[-4:]}" if len(digits) > 4 else digits


def _scrubbed(name: str, value: object) -> object:
    if _SECRET_NAME.search(name) and value is not None:
        return HIDDEN
    if name in ("conversation", "level", "service", "logger"):
        return value
    if isinstance(value, Mapping):
        return {key: _scrubbed(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed(name, inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return short_number(str(value)) if _NUMBER_NAME.search(name) and value > 99_999 else value
    if value is None or isinstance(value, bool | float):
        return value
    text = scrub_text(value if isinstance(value, str) else str(value))
    return text.translate(_CONTROL_BUT_LINES if name in ("exception", "stack") else _CONTROL)


def _shortened(found: re.Match[str]) -> str:
    number = found["number"]
    return found[0] if number is None else short_number(number)


def _in_reading_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    first = ("at", "level", "service", "node", "conversation", "event")
    event.pop("color_message", None)  # uvicorn's second wording of the same, with a terminal's colours in it
    return {**{name: event[name] for name in first if name in event}, **event}
