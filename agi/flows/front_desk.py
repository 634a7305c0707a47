"""The front desk: what everyone hears who calls the center's number, as asterisk-conf/ivr/front_desk.yaml says.

Any other menu is played the same way under its own name. Pure.
"""

from __future__ import annotations

from agi.menu.tree import Menu
from agi.steps import Flow

from .menu import walk


def front_desk(menu: Menu) -> Flow:
    """One call, from the first prompt to where it goes next."""
    return walk(menu)
