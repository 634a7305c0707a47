"""Tells one subscriber what it is to be told: signed, in order of each key, again after failures, at last given up.

The worker runs it as one job a subscriber (crm/jobs.py), so one attempt of a key is on its way at a time. Killed
between the receiver's answer and our note, it sends once more under the same id: the receiver takes each id once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from crm import metrics, outgoing, webhooks
from crm.database import Database
from crm.outgoing import Answered, Reach, Unreached
from crm.rules import signature
from crm.rules.event_catalogue import CATALOGUE
from crm.rules.outside_addresses import networks
from crm.settings import Settings
from crm.tables.announcements import Announcement
from crm.tables.webhooks import Webhook
from crm.webhooks import Due

AT_ONCE = 8
"""Keys that are told at the same time."""
A_TURN_S = 20.0
"""A job ends after so long; the next one goes on."""
LONGEST_PAUSE_S = 300.0
REFUSALS = 8
"""So often a receiver may say no to the same delivery before it is given up: no is an answer, not a silence."""
TEMPORARY = frozenset({408, 425, 429})

Post = Callable[[str, bytes, dict[str, str]], Awaitable[Answered]]


class Sent(msgspec.Struct, frozen=True):
    """How one attempt ended. `silent`: the subscriber as a whole seems away; `stay_away_s`: what it asked for."""

    due: Due
    status: int | None
    fault: str | None
    silent: bool = False
    stay_away_s: float = 0.0


def reach_of(settings: Settings) -> Reach:
    """Where webhooks may go, by the settings."""
    hosts = tuple(settings.webhook_hosts.replace(",", " ").lower().split())
    return Reach(hosts, tuple(networks(settings.webhook_private)))


def envelope(kind: str, number: int | None, key: str, at: datetime, data: object) -> bytes:
    """The body: the same bytes at every attempt, and in the snapshot."""
    version = CATALOGUE[kind].version if kind in CATALOGUE else 1
    said = {"type": kind, "version": version, "number": number, "key": key, "timestamp": at.astimezone(UTC)}
    return msgspec.json.encode({**said, "data": data})


def told(announcement: Announcement) -> dict[str, object]:
    """An announcement as its body says it, for the snapshot."""
    said = envelope(announcement.kind, announcement.number, announcement.key, announcement.at, announcement.data)
    found: dict[str, object] = msgspec.json.decode(said)
    return found


async def deliver(database: Database, settings: Settings, webhook_id: str) -> int:
    """Send what is due to one subscriber, until nothing is, it does not answer, or the turn is over. Returns how many
    were delivered."""
    chosen, delivered = UUID(webhook_id), 0
    ends_at = time.monotonic() + A_TURN_S
    reach, within_s = reach_of(settings), settings.webhook_timeout_seconds
    async with outgoing.new_client(most_connections=AT_ONCE) as client:

        async def post(url: str, body: bytes, headers: dict[str, str]) -> Answered:
            return await outgoing.post(client, url, body, headers, reach=reach, within_s=within_s)

        while time.monotonic() < ends_at:
            async with database.reading() as session:
                webhook = await session.get(Webhook, chosen)
                if webhook is None:
                    break
                found = await webhooks.due(session, chosen, limit=1 if webhook.failures else AT_ONCE)
            if not found:
                break
            ended = await asyncio.gather(*(_attempt(database, settings, webhook, each, post) for each in found))
            delivered += sum(sent.fault is None for sent in ended)
            await _judge(database, webhook, ended)
    return delivered


async def try_out(settings: Settings, url: str, secret: str) -> Answered:
    """Send `webhook.test` now, outside all order. Unreached when there is no answer."""
    body = envelope("webhook.test", None, "test", datetime.now(UTC), {"said": "hello from kefu"})
    async with outgoing.new_client() as client:
        headers = _headers(secret, uuid4(), body)
        return await outgoing.post(
            client, url, body, headers, reach=reach_of(settings), within_s=settings.webhook_timeout_seconds
        )


async def _attempt(database: Database, settings: Settings, webhook: Webhook, due: Due, post: Post) -> Sent:
    sent = await _send(webhook, due, post)
    async with database.transaction() as session:
        if sent.fault is None:
            metrics.worker().deliveries.labels("delivered").inc()
            await webhooks.note_delivered(session, due.id, status=sent.status or 0)
        else:
            again_s = _again_s(settings, sent)
            metrics.worker().deliveries.labels("dead" if again_s is None else "failed").inc()
            await webhooks.note_failed(session, due.id, fault=sent.fault, status=sent.status, again_s=again_s)
    return sent


async def _send(webhook: Webhook, due: Due, post: Post) -> Sent:
    body = envelope(due.kind, due.number, due.key, due.at, due.data)
    headers = _headers(webhook.secret, due.id, body)
    if due.replayed:
        headers["kefu-replayed"] = "true"
    try:
        answered = await post(webhook.url, body, headers)
    except Unreached as unreached:
        return Sent(due, None, str(unreached), silent=True)
    status = answered.status
    if 200 <= status < 300:
        return Sent(due, status, None)
    if 300 <= status < 400:
        return Sent(due, status, f"it answered {status}: redirects are not followed", silent=True)
    fault = f"it answered {status}"
    return Sent(due, status, fault, silent=status >= 500 or status in TEMPORARY, stay_away_s=answered.retry_after_s)


def _headers(secret: str, delivery_id: UUID, body: bytes) -> dict[str, str]:
    signed = signature.headers(secret, str(delivery_id), int(time.time()), body)
    return {**signed, "content-type": "application/json"}


def _again_s(settings: Settings, sent: Sent) -> float | None:
    """Seconds to the next attempt, None: it is given up."""
    first = sent.due.first_tried_at or datetime.now(UTC)
    if datetime.now(UTC) - first > timedelta(hours=settings.webhook_give_up_hours):
        return None
    if not sent.silent and sent.due.attempts + 1 >= REFUSALS:
        return None
    return backoff_s(sent.due.attempts + 1)


def backoff_s(failures: int) -> float:
    """1, 2, 4 … seconds, 5 minutes at most, a little less by chance so that not all come back at once."""
    return min(LONGEST_PAUSE_S, 2.0 ** min(failures - 1, 20)) * random.uniform(0.8, 1.0)  # noqa: S311 - spread


async def _judge(database: Database, webhook: Webhook, ended: list[Sent]) -> None:
    """Whether to leave the subscriber alone for a while: when it answered nobody."""
    silent = [sent for sent in ended if sent.silent]
    if len(silent) < len(ended):
        silent = [sent for sent in silent if sent.stay_away_s]
    async with database.transaction() as session:
        if not silent:
            await webhooks.note_answers(session, webhook.id)
            return
        failures = webhook.failures + 1
        away_s = max(backoff_s(failures), min(max(sent.stay_away_s for sent in silent), 3600.0))
        await webhooks.note_silent(session, webhook.id, failures=failures, away_s=away_s)
