"""What `make build` packs: a room left out of setup.cfg works in the checkout and is missing where people install."""

from __future__ import annotations

import configparser
from pathlib import Path

HOUSE = Path(__file__).parents[2]


def _packed() -> set[str]:
    setup = configparser.ConfigParser()
    setup.read(HOUSE / "setup.cfg")
    return set(setup["options"]["packages"].split())


def test_every_folder_with_code_is_packed() -> None:
    folders = {
        path.parent.relative_to(HOUSE)
        for top in ("agi", "ami_bridge", "crm")
        for path in (HOUSE / top).rglob("*.py")
        if "node_modules" not in path.parts
    }
    assert {".".join(folder.parts) for folder in folders} | {"kefu_asterisk_conf"} == _packed()
