"""Our own Postgres, kept serving while `kefu up` or the demo runs: one that died of anything is started again.

Its services need nothing for it: each waits for the database in its own way. Knows no Asterisk and no service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from crm.embedded import EmbeddedPostgres
from crm.refusals import CrmUnavailable

LOOK_EVERY_S = 0.5
TRY_AGAIN_AFTER_S = (0.5, 1.0, 2.0, 5.0, 10.0)


async def keep_serving(server: EmbeddedPostgres, say: Callable[[str], None]) -> None:
    """Until cancelled. Also takes over where we were the guest of a server that another process started and ended."""
    failures = 0
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if server.is_alive:
            continue
        say("our own Postgres has ended: started again")
        try:
            await asyncio.to_thread(server.start)
        except (CrmUnavailable, OSError) as fault:  # OSError: no process or no memory is left for a moment
            pause_s = TRY_AGAIN_AFTER_S[min(failures, len(TRY_AGAIN_AFTER_S) - 1)]
            failures += 1
            say(f"{fault}; tried again in {pause_s:g} s")
            await asyncio.sleep(pause_s)
        else:
            failures = 0
            say("our own Postgres is well")
