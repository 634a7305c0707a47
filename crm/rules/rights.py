"""Who may do what: the words of permission, the roles that hold them, and the fields that a role sees masked.

Nothing is allowed that is not listed: a role that nobody knows may do nothing. Every route of the pages and the api
names one of these words (crm/web/rights.py), an api token's scopes are words of it, too. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_OWN = {"own.settings"}
_DESK = {
    *("desk.use", "customer.read", "customer.edit", "order.read", "timeline.read", "value.read", "callback.edit"),
    *("conversation.read", "case.read", "case.edit", "case.escalate", "case.close", "workorder.read"),
    *("directory.read", "knowledge.read", "knowledge.feedback", "voicemail.read", "voicemail.work"),
    *("recording.listen", "wallboard.read", "call.control", "call.dial"),
}
_LEADING = {
    *("conversation.read_all", "voicemail.take_over", "report.read", "customer.merge", "customer.import"),
    *("customer.export", "case.assign", "workorder.answer", "workorder.edit", "directory.edit", "knowledge.edit"),
    *("value.edit", "order.edit", "category.edit", "popurl.edit", "message.send", "call.dial_abroad"),
}
_JUDGING = {
    *("conversation.read", "conversation.read_all", "recording.listen", "voicemail.read", "report.read"),
    *("customer.read", "order.read", "timeline.read", "value.read", "case.read", "workorder.read", "directory.read"),
    *("knowledge.read", "knowledge.feedback", "wallboard.read"),
}
_ANSWERING = {"workorder.read", "workorder.answer", "directory.read", "knowledge.read"}
_RUNNING = {
    *("token.edit", "webhook.edit", "event.read", "agent.edit", "agent.pause", "audit.read", "retention.run"),
    *("privacy.find", "privacy.export", "privacy.erase", "privacy.hold"),
}

PERMISSIONS: Final = frozenset(_OWN | _DESK | _LEADING | _JUDGING | _ANSWERING | _RUNNING)
"""Every word there is. `conversation.read` is of one's own calls, `conversation.read_all` of everybody's (within the
queues that one is bound to, if any)."""

ROLES: Final[dict[str, frozenset[str]]] = {
    "agent": frozenset(_OWN | _DESK),
    "supervisor": frozenset(_OWN | _DESK | _LEADING),
    "quality": frozenset(_OWN | _JUDGING),
    "department": frozenset(_OWN | _ANSWERING),
    "admin": PERMISSIONS,
}
"""`department` answers work orders and sees no call."""

MASKABLE: Final = frozenset({"phone", "name", "email", "note"})
"""What can be put out of sight; crm/rules/masks.py knows which fields each word means."""

_MASKED: Final[dict[str, frozenset[str]]] = {"quality": frozenset({"phone"}), "department": frozenset({"phone"})}


def may(role: str, permission: str) -> bool:
    """Whether the role holds the permission. An unknown role holds none."""
    return permission in ROLES.get(role, frozenset())


TOKEN: Final = "token"  # noqa: S105 - a word
"""Stands for all programs with a token where a site says what is masked; what they may do say their scopes."""


def masked(role: str, said: dict[str, list[str]] | None = None) -> frozenset[str]:
    """The fields (words of MASKABLE) that this role sees masked. `said`: what the site's settings say by role; a role
    that they do not name keeps its own. An unknown role sees nothing plain."""
    if role not in ROLES and role != TOKEN:
        return MASKABLE
    if said and role in said:
        return frozenset(said[role])
    return _MASKED.get(role, frozenset())


def check_masks(said: dict[str, list[str]]) -> None:
    """Raises ValueError with one sentence where a role or a field is unknown."""
    for role, fields in said.items():
        if role not in ROLES and role != TOKEN:
            raise ValueError(f"role {role!r} is unknown: it is one of {listed(ROLES)}")
        for field in fields:
            if field not in MASKABLE:
                raise ValueError(f"field {field!r} cannot be masked: it is one of {listed(MASKABLE)}")


def check_roles(roles: Iterable[str]) -> None:
    """Raises ValueError with one sentence for a role that nobody can have."""
    for role in roles:
        if role not in ROLES:
            raise ValueError(f"role {role!r} is unknown: it is one of {listed(ROLES)}")


def listed(words: Iterable[str]) -> str:
    """Words for a sentence."""
    return ", ".join(sorted(words))
