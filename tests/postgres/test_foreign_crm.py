"""A foreign CRM is told of calls by a real worker, while the network, Postgres' cable and the worker itself fall."""

from __future__ import annotations

from collections import defaultdict

from cable import Cable
from foreign_crm import ForeignCrm
from forged_floor import ForgedFloor, Ring
from ledger_rows import seen
from worker_process import WorkerProcess

from crm import webhooks
from crm.database import Database

SEATS = [f"PJSIP/{1001 + place}" for place in range(4)]
ORDER = ["conversation.begun", "pop.shown", "conversation.ended"]


async def subscribe(database: Database, crm: ForeignCrm) -> None:
    kinds = ["conversation.*", "pop.shown"]
    async with database.transaction() as session:
        added = await webhooks.add(session, name="foreign", url=crm.url, kinds=kinds, by="test")
    crm.secret = added.secret


def kinds_by_call(crm: ForeignCrm) -> dict[str, list[str]]:
    found = defaultdict(list)
    for event in crm.events:
        found[event["data"]["conversation_id"]].append(event["type"])
    return found


async def test_pops_and_logs_arrive_once_and_in_order_through_every_fall(database: Database, database_url: str) -> None:
    floor, rings = ForgedFloor(database_url), list[Ring]()
    async with (
        ForeignCrm() as crm,
        Cable(database_url) as cable,
        WorkerProcess(cable.url, WEBHOOK_PRIVATE="127.0.0.1", WEBHOOK_TIMEOUT_SECONDS="1") as worker,
    ):
        await subscribe(database, crm)

        def call(seat: str) -> None:
            rings.append(floor.ring(seat))

        call(SEATS[0])
        await crm.has(2)
        await crm.cut()  # the line to the CRM falls: what happens now waits
        floor.answer(rings[0])
        floor.hang_up(rings[0])
        call(SEATS[1])
        await crm.mend()
        await crm.has(5)
        # The worker dies after the CRM took an event and before it heard so: the same id comes again.
        crm.before_answer = lambda _: worker.kill()
        call(SEATS[2])
        await crm.tried(6)
        crm.before_answer = lambda _: None
        await cable.cut()
        call(SEATS[3])
        await worker.start(until="healthz")
        assert (await worker.ask("readyz"))[0] == 503
        for ring in rings[1:]:
            floor.hang_up(ring)
        await cable.mend()
        await crm.has(12, 40)
        assert (await worker.ask("readyz"))[0] == 200
        await seen(database_url, "SELECT count(*) FROM webhook_delivery WHERE state = 'waiting'", [(0,)])
        floor.do(("ALTER TABLE announcement RENAME TO out_of_reach", {}))  # each look at it fails from here on
        await worker.says_of_itself(503)
        floor.do(("ALTER TABLE out_of_reach RENAME TO announcement", {}))
        await worker.says_of_itself(200)
        assert await worker.stop() == 0
    assert kinds_by_call(crm) == {str(ring.conversation_id): ORDER for ring in rings}
    assert len(crm.attempts) > len(crm.ids) == 12
    assert crm.faults == []
