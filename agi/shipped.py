"""The menu and prompt files that are installed with Kefu, read and checked.

Called by the server, the command line and the classic script; the pure rooms get what this returns.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from agi.menu.checking import check_menu
from agi.menu.codes import Fault
from agi.menu.tree import MenuTree
from agi.prompt_texts import read_prompts
from crm.refusals import Refusal


class Unfit(Refusal):
    """A file of ours cannot be used; the sentence is its first fault, with file, line and code."""


def folder() -> Path:
    """asterisk-conf as installed."""
    return Path(str(importlib.resources.files("kefu_asterisk_conf")))


def prompts_file() -> Path:
    return folder() / "prompts" / "prompts.yaml"


def menu_file(name: str) -> Path:
    return folder() / "ivr" / f"{name}.yaml"


def menu_names() -> list[str]:
    """Every menu there is, by file name."""
    return sorted(path.stem for path in (folder() / "ivr").glob("*.yaml"))


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


def load_menu(name: str, path: Path | None = None) -> MenuTree:
    """A menu without fault, or Unfit."""
    path = path or menu_file(name)
    texts, _lines, _faults = load_prompts()
    tree, faults = check_menu(read_text(path), str(path), texts)
    if tree is None:
        first = next(fault for fault in faults if fault.stops)
        more = sum(fault.stops for fault in faults) - 1
        raise Unfit(f"{first}" + (f" (and {more} more: run `kefu ivr check`)" if more else ""))
    return tree
