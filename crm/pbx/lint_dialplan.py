"""What our dialplan promises, checked: every queue's eight endings, the safe ending before Python, filtered input.

Called by lint.py. Each check takes the dialplan's lines and yields findings; what Asterisk's own grammar says of them
(unknown applications, Goto to nowhere) is asterisklint's affair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from crm.pbx.conf_reading import Finding, Line

QUEUE_STATUSES = (
    "TIMEOUT", "FULL", "JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL", "CONTINUE", "WITHDRAW",
)  # fmt: skip
MOST_VARIABLES = 10
TABLE_FILE = "extensions.conf"
ASTERISKS_OWN = frozenset((
    "ABANDONED", "AGIEXITONHANGUP", "AGISTATUS", "ASTSPOOLDIR", "CONTEXT", "DIALSTATUS", "EPOCH",
    "EXTEN", "GOSUB_RESULT", "GOSUB_RETVAL", "HANGUPCAUSE", "PARKER", "PRIORITY", "QUEUESTATUS", "QUEUE_MAX_PENALTY",
    "QUEUE_PRIO", "QUEUE_WITHDRAW_INFO", "RECORD_STATUS", "UNIQUEID",
))  # fmt: skip
_VARIABLE = re.compile(r"\$\{(?P<read>[A-Z][A-Z0-9_]*)(?=[}:])|Set\(_{0,2}(?P<set>[A-Z][A-Z0-9_]*)=")
_INNERMOST = re.compile(r"\$\{[^{}]*\}")
_TABLE_ROW = re.compile(r"^;   ([A-Z][A-Z0-9_]*)\s{2,}\S")
_FROM_CALLER = re.compile(r"\$\{(EXTEN|CALLERID\([a-z-]+\))\}")


def check_dialplan(lines: Sequence[Line], table: str) -> Iterator[Finding]:
    """All findings; `table` is the text of extensions.conf, whose comment lists our channel variables."""
    yield from _variables(lines, table)
    yield from _queue_endings(lines)
    yield from _safe_endings(lines)
    yield from _filtered(lines)


def _variables(lines: Sequence[Line], table: str) -> Iterator[Finding]:
    listed = {
        found.group(1): number for number, row in enumerate(table.splitlines(), 1) if (found := _TABLE_ROW.match(row))
    }
    constants = {line.key for line in lines if line.section == "globals"}
    for number in sorted(listed.values())[MOST_VARIABLES:]:
        yield Finding(
            TABLE_FILE,
            number,
            "E_VAR_MANY",
            f"more than {MOST_VARIABLES} channel variables of ours: do without this one",
        )
    seen: set[str] = set()
    for line in lines:
        for found in _VARIABLE.finditer(line.value):
            name = found["read"] or found["set"]
            if name in seen or name in ASTERISKS_OWN | constants or re.fullmatch(r"ARG\d", name):
                continue
            seen.add(name)
            if name not in listed:
                yield Finding(
                    line.file, line.number, "E_VAR_UNLISTED",
                    f"{name} is not in the table at the head of {TABLE_FILE}: say there who sets and who reads it",
                )  # fmt: skip


def _queue_endings(lines: Sequence[Line]) -> Iterator[Finding]:
    for context, inside in _by(lines, lambda line: (line.file, line.section)):
        joins = [line for line in inside if _application(line) == "Queue"]
        endings = {line.extension for line in inside}
        for line in joins[:1]:
            missing = [status for status in QUEUE_STATUSES if status not in endings]
            if missing:
                yield Finding(
                    line.file, line.number, "E_QUEUE_ENDING",
                    f"[{context[1]}] has no extension for {', '.join(missing)}: choose where those callers go",
                )  # fmt: skip
        for line in joins:
            if _plain(line.value.partition("Queue(")[2]).count(",") > 4:
                yield Finding(
                    line.file, line.number, "E_QUEUE_ARGUMENTS",
                    "Queue() has more than five arguments, and the sixth means another thing from Asterisk 21 on",
                )  # fmt: skip


def _plain(value: str) -> str:
    """Without variables and functions, whose commas are their own."""
    while (inner := _INNERMOST.sub("", value)) != value:
        value = inner
    return value


def _safe_endings(lines: Sequence[Line]) -> Iterator[Finding]:
    for _, steps in _by(lines, lambda line: (line.file, line.section, line.extension)):
        before = ""
        for line in steps:
            if _application(line) == "AGI":
                for wanted in ("Set(NEXT_STEP=", "Set(QUEUE=", "Set(TIMEOUT(absolute)=", "Set(AGIEXITONHANGUP=yes)"):
                    if wanted not in before:
                        yield Finding(
                            line.file, line.number, "E_AGI_UNSAFE",
                            f"{wanted}… is missing before AGI(): the caller is lost when Python is",
                        )  # fmt: skip
            before += line.value


def _filtered(lines: Sequence[Line]) -> Iterator[Finding]:
    for line in lines:
        if line.section != "from-trunk":
            continue
        if line.key == "include":
            yield Finding(
                line.file,
                line.number,
                "E_TRUNK_INCLUDE",
                "from-trunk may include nothing: callers would reach its numbers",
            )
        for found in _FROM_CALLER.finditer(line.value):
            if not re.search(r"FILTER\([^,()]*,$", line.value[: found.start()]):
                yield Finding(
                    line.file,
                    line.number,
                    "E_UNFILTERED",
                    f"{found.group(0)} comes from the caller: put it into FILTER()",
                )


def _application(line: Line) -> str:
    steps = line.value.split(",", 2 if line.key == "exten" else 1)
    return steps[-1].partition("(")[0].strip() if line.key in ("exten", "same") else ""


def _by(lines: Iterable[Line], key: object) -> Iterator[tuple[tuple[str, ...], list[Line]]]:
    assert callable(key)
    for name, group in groupby((line for line in lines if line.key in ("exten", "same", "include")), key):
        yield name, list(group)
