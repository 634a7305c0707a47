"""Every kind of thing that is announced to the world outside: its version, what it means and the shape of its data.

The only list there is: webhooks, the snapshot, `kefu webhook events` and docs/integrations.md are made from it. Fields
are added, never renamed or given another meaning; a change that breaks receivers is a new version of the kind. Data may
hold more fields than are listed here; receivers ignore what they do not know. Called by crm.announcements. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class ConversationBegun(msgspec.Struct, kw_only=True):
    """A call began. `caller` is as Asterisk heard it; null: withheld."""

    conversation_id: UUID
    node: str
    linkedid: str
    direction: str
    caller: str | None = None
    caller_name: str | None = None
    dialled: str | None = None
    started_at: datetime


class ConversationEnded(ConversationBegun, kw_only=True):
    """A call ended. `agents`: logins of those who talked; `talk_s` without hold; `wait_s` in all queues together."""

    ended_at: datetime
    outcome: str | None = None
    ended_by: str | None = None
    queues: list[str] = []
    agents: list[str] = []
    wait_s: float = 0.0
    talk_s: float = 0.0
    customer_code: str | None = None
    reconstructed: bool = False


class PopShown(msgspec.Struct, kw_only=True):
    """A caller's card goes up on an agent's screen: their phone rings. `agent`: login; null: nobody signed in."""

    pop_id: UUID
    conversation_id: UUID
    node: str
    seat: str
    agent: str | None = None
    queue: str | None = None
    caller: str | None = None
    caller_name: str | None = None
    dialled: str | None = None
    customer_code: str | None = None
    rung_at: datetime


class VoicemailLeft(msgspec.Struct, kw_only=True):
    """A caller left a message. `box`: the queue it was left for."""

    voicemail_id: UUID
    conversation_id: UUID
    node: str
    box: str | None = None
    caller: str | None = None
    left_at: datetime


class CustomerChanged(msgspec.Struct, kw_only=True):
    """A customer was made or edited. Ask /api/v1/customers/{code} for what they are now."""

    id: UUID
    code: str | None = None
    version: int | None = None


class CustomerMerged(CustomerChanged, kw_only=True):
    """Two records were one person: `merged_id` is kept in `id` from now on (or again apart, when `undone`)."""

    merged_id: UUID
    merged_code: str | None = None
    undone: bool = False


class CustomerErased(msgspec.Struct, kw_only=True):
    """A person's data was erased here: erase it where you keep it, too."""

    id: UUID


class OrderChanged(msgspec.Struct, kw_only=True):
    """An order was taken in or changed its state."""

    number: str
    state: str | None = None
    customer_code: str | None = None


class CaseChanged(msgspec.Struct, kw_only=True):
    """A case as it is now. `owner`: login; `number` is what the customer is told."""

    id: UUID
    number: str | None = None
    state: str | None = None
    tier: int | str | None = None
    owner: str | None = None
    customer_code: str | None = None


class CallbackAtRisk(msgspec.Struct, kw_only=True):
    """A promise to call back will hardly be kept: nobody was rung, and the window ends soon (`why`: window) or the wait
    foretold misses it (forecast: not before `expected_at`). Told once a window; ask /api/v1/callbacks/{id} for more."""

    id: UUID
    queue: str
    window_begin: datetime
    window_end: datetime
    why: str
    expected_at: datetime | None = None
    owner: str | None = None


class WebhookTest(msgspec.Struct, kw_only=True):
    """Sent by `kefu webhook test` alone, outside all order."""

    said: str


class Kind(msgspec.Struct, frozen=True):
    """One line of the catalogue. `key`: whose things are told in order."""

    name: str
    version: int
    key: str
    data: type[msgspec.Struct]

    @property
    def means(self) -> str:
        """One sentence."""
        return " ".join((self.data.__doc__ or "").split())


_KINDS = (
    Kind("conversation.begun", 1, "conversation", ConversationBegun),
    Kind("conversation.ended", 1, "conversation", ConversationEnded),
    Kind("pop.shown", 1, "conversation", PopShown),
    Kind("voicemail.left", 1, "conversation", VoicemailLeft),
    Kind("customer.changed", 1, "customer", CustomerChanged),
    Kind("customer.merged", 1, "customer", CustomerMerged),
    Kind("customer.erased", 1, "customer", CustomerErased),
    Kind("order.changed", 1, "order", OrderChanged),
    Kind("case.opened", 1, "case", CaseChanged),
    Kind("case.changed", 1, "case", CaseChanged),
    Kind("case.escalated", 1, "case", CaseChanged),
    Kind("case.closed", 1, "case", CaseChanged),
    Kind("callback.at_risk", 1, "callback", CallbackAtRisk),
    Kind("webhook.test", 1, "test", WebhookTest),
)
CATALOGUE: dict[str, Kind] = {kind.name: kind for kind in _KINDS}


def checked(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` as JSON holds it. ValueError, naming the field, when the kind is unknown or its data has another shape."""
    if kind not in CATALOGUE:
        raise ValueError(f"{kind!r} is not in the event catalogue: it knows {', '.join(CATALOGUE)}")
    told: dict[str, Any] = msgspec.to_builtins(dict(data))
    try:
        msgspec.convert(told, CATALOGUE[kind].data)
    except msgspec.ValidationError as fault:
        raise ValueError(f"{kind}: {fault}") from None
    return told


def schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of the kind's data, whole in itself."""
    (top,), definitions = msgspec.json.schema_components([kind.data], ref_template="#/$defs/{name}")
    body: dict[str, Any] = dict(definitions[kind.data.__name__]) if "$ref" in top else dict(top)
    rest = {name: each for name, each in definitions.items() if name != kind.data.__name__}
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{kind.name}.v{kind.version}"}
    return {**named, **body, "title": kind.name, "description": kind.means, **({"$defs": rest} if rest else {})}


def wants(kinds: Iterable[str], kind: str) -> bool:
    """Whether a subscriber of these kinds (none: of all) is told of this one; `case.*` stands for a family."""
    chosen = set(kinds)
    return not chosen or kind in chosen or f"{kind.partition('.')[0]}.*" in chosen


def unknown(kinds: Iterable[str]) -> list[str]:
    """Those of the kinds that nothing in the catalogue is meant by."""
    families = {f"{name.partition('.')[0]}.*" for name in CATALOGUE}
    return [each for each in kinds if each not in CATALOGUE and each not in families]
