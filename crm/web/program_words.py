"""The words of tokens and webhooks, as words.py holds all others. Called by words and sentences alone."""

from __future__ import annotations

from collections.abc import Mapping


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark `text` for the catalogs."""
    return text


PROGRAM_LABELS: Mapping[str, Mapping[str, str]] = {
    "scope": {
        "customer.read": N_("read customers"),
        "customer.edit": N_("make and change customers"),
        "order.read": N_("read orders"),
        "order.edit": N_("put orders"),
        "conversation.read_all": N_("read calls"),
        "case.read": N_("read cases"),
        "case.edit": N_("open cases and note at them"),
        "callback.edit": N_("promise, move and cancel callbacks"),
        "agent.pause": N_("pause agents and make them ready"),
        "wallboard.read": N_("read agents' states and queues"),
        "event.read": N_("read what happened"),
    },
}

PROGRAM_REFUSALS = (
    N_("a token's name has 1 to 60 letters, digits, blanks, '.', '_', '@' or '-'"),
    N_("a token needs a scope: %(scopes)s"),
    N_("there is a token %(name)s already, revoked ones among them: choose another name"),
    N_("there is no token %(name)s that is in force: see `kefu token list`"),
    N_("there is no queue %(queue)s: see `kefu queue list`"),
    N_("a subscriber's name has 1 to 60 printable characters"),
    N_("there is a subscriber %(name)s already: choose another name"),
    N_("there is no subscriber %(name)s: see `kefu webhook list`"),
)
"""The refusals that administrators may meet on these pages, as sentences.py holds all others."""
