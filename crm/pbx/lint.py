"""`kefu pbx check`: asterisk-conf held against its own promises, and against Asterisk's grammar by asterisklint.

Findings read `file:line CODE: sentence`, with the lines of the tree itself, not of a rendered copy. asterisklint (GPL)
is run as a command, never imported; where it is not installed our own checks still run, and the caller is told.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from crm.pbx import lint_accounts, lint_dialplan
from crm.pbx.conf_reading import Finding, read_conf, read_dialplan
from crm.pbx.render import CannotRender, SiteValues, render

# Matters of taste in which we differ (`key = value` with blanks), and what asterisklint says of its own limits.
_NOT_OURS = "W_WSH_VARSET,H_CONF_NO_ARROW,I_NOTIMPL_HINT"
_SAID = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+) (?P<code>[A-Z]_[A-Z_]+): (?P<sentence>.*)$")


def check(source: Path) -> list[Finding]:
    """Our own findings in a tree like asterisk-conf, in the order of its files."""
    dialplan = read_dialplan(source)
    table = source / lint_dialplan.TABLE_FILE
    found = [
        *lint_dialplan.check_dialplan(dialplan, table.read_text(encoding="utf-8") if table.exists() else ""),
        *lint_accounts.check_accounts(read_conf(source, "manager.conf")),
        *lint_accounts.check_queues(read_conf(source, "queues.conf")),
        *lint_accounts.check_logging(read_conf(source, "cel.conf")),
        *lint_accounts.check_modules(read_conf(source, "modules.conf")),
    ]
    return sorted(set(found))


def asterisklint() -> str | None:
    """The program, beside our own Python or on PATH; None when it is not installed."""
    beside = Path(sys.executable).with_name("asterisklint")
    return str(beside) if beside.exists() else shutil.which("asterisklint")


def check_grammar(source: Path, program: str) -> list[Finding]:
    """What asterisklint finds in the dialplan, rendered with invented values into a folder that goes again."""
    with tempfile.TemporaryDirectory(prefix="kefu-lint-") as folder:
        try:
            render(Path(folder), SiteValues(), sandbox=True, source=source)
        except CannotRender as refused:
            return [_placed(refused)]
        ran = subprocess.run(
            [program, "dialplan-check", "extensions.conf"],
            cwd=folder,
            env={**os.environ, "ALINT_IGNORE": _NOT_OURS},
            capture_output=True,
            text=True,
            check=False,
        )
    said = (ran.stdout + ran.stderr).splitlines()
    found = [
        Finding(line["file"], int(line["line"]), line["code"], line["sentence"])
        for text in said
        if (line := _SAID.match(text))
    ]
    if ran.returncode not in (0, 1) or "Traceback (most recent call last):" in said:
        found.append(
            Finding("extensions.conf", 1, "E_LINT", f"asterisklint gave up: {said[-1] if said else 'silently'}")
        )
    return sorted(set(found))


def _placed(refused: CannotRender) -> Finding:
    place = re.match(r"(\S+):(\d+) (.*)", str(refused))
    if place is None:
        return Finding("extensions.conf", 1, "E_PLACEHOLDER", str(refused))
    return Finding(place.group(1), int(place.group(2)), "E_PLACEHOLDER", place.group(3))
