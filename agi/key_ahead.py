"""A key pressed before its question: it stops what is being said, and the next question takes it without being played.

Kept by whoever performs a flow, on the phone (player.py) and on paper (rehearsal.py), so that both do the same. One key
is kept: Asterisk itself keeps the ones after it. Pure.
"""

from __future__ import annotations

from .steps import Ask, BookCallback, Record, Statement, Step, TakeSurvey


class KeyAhead:
    """At most one key."""

    def __init__(self) -> None:
        self.key = ""

    def stands_against(self, step: Statement) -> bool:
        """Whether this is not said at all, because the caller wants to go on."""
        return bool(self.key) and not step.whole

    def taken_by(self, question: Ask) -> str:
        """The key that answers this question unheard; "" where there is none, or where it must be heard first."""
        key, self.key = self.key, ""
        return key if key and key in question.ahead else ""

    def outlived(self, step: Step) -> None:
        """What the caller says, or is promised, comes between: a key before it answers nothing behind it."""
        if isinstance(step, Record | BookCallback | TakeSurvey):
            self.key = ""
