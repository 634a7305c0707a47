"""The menu and prompt files that are installed with Kefu, read and checked, and what a menu may name of this house.

Called by the server, the command line and the classic script; the pure rooms get what this returns.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Iterable
from pathlib import Path

from agi import registered_steps
from agi.menu.checking import check_menu
from agi.menu.codes import Fault
from agi.menu.known import Known
from agi.menu.tree import Menu
from agi.prompt_texts import read_prompts
from crm.refusals import Refusal

GOLDEN = ".test.yaml"
_QUEUE_CONTEXT = re.compile(r"^\[queue-([a-z0-9_]+)\]", re.MULTILINE)


class Unfit(Refusal):
    """A file of ours cannot be used; the sentence is its first fault, with file, line and code."""


def folder() -> Path:
    """asterisk-conf as installed."""
    return Path(str(importlib.resources.files("kefu_asterisk_conf")))


def prompts_file() -> Path:
    return folder() / "prompts" / "prompts.yaml"


def menu_file(name: str) -> Path:
    return folder() / "ivr" / f"{name}.yaml"


def golden_file(name: str) -> Path:
    return folder() / "ivr" / f"{name}{GOLDEN}"


def menu_names() -> list[str]:
    """Every menu there is, by file name."""
    return sorted(path.stem for path in (folder() / "ivr").glob("*.yaml") if not path.name.endswith(GOLDEN))


def read_text(path: Path) -> str:
    """A file's text; Unfit when it cannot be read."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise Unfit(f"{path} cannot be read: {unreadable}") from None


def load_prompts(path: Path | None = None) -> tuple[dict[str, dict[str, str]], dict[str, int], list[Fault]]:
    """Texts, lines and faults of a prompts file (the installed one unless said)."""
    path = path or prompts_file()
    return read_prompts(read_text(path), str(path))


def known(more_queues: Iterable[str] = (), sounds: Path | None = None) -> Known:
    """What a menu may name: our prompts, the queues that the dialplan has a context for, registered Python steps.

    `sounds`: where the prompts are built; then a prompt that cannot be played is a fault, too.
    """
    texts = load_prompts()[0]
    queues = {name for path in folder().rglob("*.conf") for name in _QUEUE_CONTEXT.findall(read_text(path))}
    silent: dict[tuple[str, str], str] = {}
    if sounds is not None:
        from agi.prompt_building import sound_faults

        silent = sound_faults(texts, sounds)
    return Known(texts, frozenset({*queues, *more_queues}), registered_steps.names(), silent)


def checked(text: str, file: str, known_here: Known) -> Menu:
    """The menu of a text without fault, or Unfit."""
    menu, faults = check_menu(text, file, known_here)
    if menu is None:
        first = next(fault for fault in faults if fault.stops)
        more = sum(fault.stops for fault in faults) - 1
        raise Unfit(f"{first}" + (f" (and {more} more: run `kefu ivr check`)" if more else ""))
    return menu


def load_menu(name: str, path: Path | None = None) -> Menu:
    """A menu file without fault (the installed one of this name unless said), or Unfit."""
    path = path or menu_file(name)
    return checked(read_text(path), str(path), known())
