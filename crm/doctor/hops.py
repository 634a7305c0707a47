"""The table of contents: every hop from the settings to the card, in the order of a call, and what each stands on."""

from __future__ import annotations

from functools import partial

from . import probe_call, probe_files, probe_house, probe_ivr, probe_pbx
from .rounds import Hop

HOPS = (
    Hop("settings", probe_house.settings),
    Hop("program", probe_house.program),
    Hop("database", probe_house.database, ("settings",), "database-away"),
    Hop("tables", probe_house.tables, ("database",)),
    Hop("asterisk", probe_pbx.asterisk, ("settings",), "ami-frozen"),
    Hop("reader", probe_pbx.reader, ("asterisk",), "ami-frozen"),
    Hop("version", probe_pbx.version, ("reader",)),
    Hop("reader rights", probe_pbx.reader_rights, ("reader",)),
    Hop("actor", probe_pbx.actor, ("asterisk",), "ami-frozen"),
    Hop("actor rights", probe_pbx.actor_rights, ("actor", "reader")),
    Hop("modules", probe_pbx.modules, ("reader",), "ami-frozen"),
    Hop("dialplan", probe_pbx.dialplan, ("reader",), "ami-frozen"),
    Hop("queues", probe_pbx.queues, ("reader",), "ami-frozen"),
    Hop("named queues", probe_house.named_queues, ("queues", "tables"), "database-away"),
    Hop("events", probe_pbx.events, ("queues", "dialplan", "actor rights"), deadline_s=5.0),
    Hop("clock", probe_pbx.clock, ("reader",), "ami-frozen"),
    Hop("menus", probe_ivr.fastagi, ("settings",), "fastagi-silent", 4.5),
    Hop("ivr", probe_house.ivr_health, ("settings",), deadline_s=4.5),
    Hop("prompts", probe_files.prompts, ("reader",)),
    Hop("queue_log", probe_files.queue_log, ("reader", "actor rights"), deadline_s=4.5),
    Hop("call events", probe_files.cel, ("events",)),
    Hop("bridge", probe_house.bridge, ("tables",), "database-away"),
    Hop("callbacks", probe_house.callbacks, ("bridge",), "database-away", 4.5),
    Hop("bridge health", probe_house.bridge_health, ("settings",), deadline_s=4.5),
    Hop("worker", probe_house.worker_health, ("settings",), deadline_s=4.5),
    Hop("web", probe_house.web, ("settings",), deadline_s=4.5),
)


def with_test_call(keys: str) -> tuple[Hop, ...]:
    """All hops and the test call; `keys` are what its caller presses in the menu."""
    probe = partial(probe_call.test_call, keys)
    return (*HOPS, Hop("test call", probe, ("events", "bridge"), deadline_s=probe_call.LONGEST_S))
