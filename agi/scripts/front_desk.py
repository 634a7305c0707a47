#!/usr/bin/env python3
"""The front desk as a classic AGI executable: standard input and output, a process a call, no server, no database.

For hosts without `kefu ivr serve`: `AGI(kefu-front-desk,${CHANNEL(linkedid)})` where the server's `AGI(agi://…)` would
stand. Same flow, same menu; the desk knows the opening hours and answers "unavailable" to all else, so the caller who
asks for an order is led to a person. Hours: KEFU_OPENING_HOURS and KEFU_TIMEZONE of Asterisk's own environment.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from agi.answers import Balance, Caller, CaseStatus, Missing, OrderStatus, Routed
from agi.endings import JoinQueue
from agi.flows.front_desk import front_desk
from agi.phone_line import NoAgiPeer, PhoneLine, read_environment
from agi.player import play_out
from agi.shipped import Unfit, load_menu
from agi.steps import AskHttp, BookCallback, CallerHungUp, RunStep
from agi.visit_notes import VisitNotes
from crm.rules.opening_hours import OpeningHours, is_open, read_opening_hours

MOST_LINES = 200


class ClosedBookDesk:
    """Opening hours, and a polite "unavailable" to all else."""

    def __init__(self, hours: OpeningHours | None) -> None:
        self._hours = hours

    def find_caller(self) -> Caller:
        return Caller()

    def is_open(self) -> bool:
        """Without hours the caller is let in: a person answers."""
        return self._hours is None or is_open(self._hours, datetime.now(UTC))

    def find_customer(self, code: str) -> Caller | Missing:
        return "unavailable"

    def local_time(self) -> datetime:
        return datetime.now(ZoneInfo(self._hours.zone) if self._hours else UTC)

    def order(self, customer_id: UUID | None, number: str | None) -> OrderStatus | Missing:
        return "unavailable"

    def case(self, customer_id: UUID | None, number: str | None) -> CaseStatus | Missing:
        return "unavailable"

    def balance(self, customer_id: UUID) -> Balance | Missing:
        return "unavailable"

    def ask_http(self, question: AskHttp) -> dict[str, str] | Missing:
        return "unavailable"

    def run(self, step: RunStep) -> dict[str, str] | Missing:
        return "unavailable"

    def book_callback(self, wanted: BookCallback) -> str:
        return "not_offered"

    def take_survey(self, name: str) -> str:
        return "not_offered"

    def route(self, join: JoinQueue, notes: VisitNotes) -> Routed:
        """Only what the flow itself gives."""
        return Routed(max(0, join.credit_s))

    def learn(self, notes: VisitNotes) -> None:
        """Nowhere to write."""


class _StandardStreams:
    """Asterisk at the other end of two pipes."""

    def __init__(self, from_asterisk: TextIO, to_asterisk: TextIO) -> None:
        self._from = from_asterisk
        self._to = to_asterisk

    def readline(self) -> str:
        return self._from.readline(8192)

    def write(self, text: str) -> object:
        return self._to.write(text)

    def flush(self) -> None:
        self._to.flush()

    def environment(self) -> Iterable[str]:
        for _ in range(MOST_LINES):
            line = self.readline().rstrip("\r\n")
            if not line:
                return
            yield line


def main() -> int:
    """One call. Whatever goes wrong, the dialplan's preset ending stands and one line says why on standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    wire = _StandardStreams(sys.stdin, sys.stdout)
    try:
        env = read_environment(list(wire.environment()))
        linkedid = env.get("agi_arg_1") or env["agi_uniqueid"]
        notes = VisitNotes(node="", linkedid=linkedid, uniqueid=env["agi_uniqueid"], flow="front_desk")
        play_out(front_desk(load_menu("front_desk")), PhoneLine(wire, env), ClosedBookDesk(_hours()), notes)
    except (Unfit, NoAgiPeer, CallerHungUp, ValueError) as fault:
        sys.stderr.write(f"kefu-front-desk: {fault}\n")
        return 1
    return 0


def _hours() -> OpeningHours | None:
    text = os.environ.get("KEFU_OPENING_HOURS")
    return read_opening_hours(text, os.environ.get("KEFU_TIMEZONE", "UTC")) if text else None


if __name__ == "__main__":
    sys.exit(main())
