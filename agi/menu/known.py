"""What exists outside a menu file: prompts, queues, registered Python steps. Handed to the check by whoever runs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct


class Known(Struct, frozen=True):
    """`prompts`: key → the languages it is written in. `silent`: (key, language) → why its sound cannot be played, only
    when sounds are built. `queues` None: not known here, any name is taken."""

    prompts: Mapping[str, Collection[str]]
    queues: Collection[str] | None = None
    steps: Collection[str] = ()
    silent: Mapping[tuple[str, str], str] = {}
