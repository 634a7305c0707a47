"""`kefu queue-log`: a history of queue_log into the ledger."""

from __future__ import annotations

import click


@click.group("queue-log")
def queue_log() -> None:
    """Take a history of queue_log into the ledger."""
