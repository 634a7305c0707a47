"""A person planted wherever one can stand, in every table that may hold them, and a look for them in everything."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from sqlalchemy import ARRAY, JSON, BigInteger, Boolean, DateTime, Float, Integer, LargeBinary, Numeric, Uuid
from sqlalchemy.ext.asyncio import AsyncSession

from crm.rules.personal_tables import HELD
from crm.tables import Table

NUMBER, E164, SECOND, NAME, CODE = "13877776666", "+8613877776666", "+8613866667777", "夏侯渊妙才", "CANARY-4711"
TOLD = "call 138-7777-6666 back, " + NAME
NEEDLES = (NUMBER, "13866667777", NAME, CODE, "138-7777-6666")
OTHER = "13911112222"


class Planter:
    """Writes rows: columns that nobody names get something that fits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.planted: set[str] = set()

    async def row(self, name: str, /, **values: Any) -> dict[str, Any]:
        """One row of a table."""
        table = Table.metadata.tables[name]
        for column in table.columns:
            if column.primary_key and isinstance(column.type, Uuid):
                values.setdefault(column.name, uuid4())
            given = column.name in values or column.nullable or column.default or column.server_default
            if not given and not column.identity:
                values[column.name] = _something(column.type)
        await self._session.execute(table.insert().values(**values))
        self.planted.add(name)
        return values


def _something(kind: Any) -> Any:
    for kinds, value in (
        (Uuid, uuid4()), (DateTime, datetime.now(UTC)), (Boolean, False), (Integer | BigInteger, 1),
        (Float, 1.0), (Numeric, Decimal(1)), (LargeBinary, b"x"), (ARRAY, []), (JSON, {}),
    ):  # fmt: skip
        if isinstance(kind, kinds):
            return value
    return "x"


async def plant(session: AsyncSession, agent_id: UUID) -> dict[str, Any]:
    """The canary in every table that can hold a person, and a stranger beside them; ids of both."""
    to = Planter(session)
    me, other, call, strange = uuid4(), uuid4(), uuid4(), uuid4()
    at = {"node": "n1", "linkedid": "1700000000.1"}
    await to.row("customer", id=me, code=CODE, name=NAME, note=TOLD, company=f"{NAME} Ltd")
    await to.row("customer", id=other, code="OTHER-1", name="李四光明", note=f"brother of {TOLD}")
    await to.row("customer_phone", customer_id=me, raw=NUMBER, e164=E164, country="CN")
    await to.row("customer_phone", customer_id=me, raw="138 6666 7777", e164=SECOND, country="CN")
    await to.row("customer_phone", customer_id=other, raw=OTHER, e164=f"+86{OTHER}", country="CN")
    await _calls(to, me, call, strange, at, agent_id)
    await _beside_customers(to, me, other, call)
    await _cases(to, me, agent_id)
    await _outside(to, me, call)
    personal = {name for name, held in HELD.items() if held.own or held.scrub or held.bytes_}
    missing = personal & set(Table.metadata.tables) - to.planted - {"legal_hold"}
    assert missing == set(), "plant the canary there, too"
    return {"me": me, "other": other, "call": call, "strange": strange}


async def _calls(to: Planter, me: UUID, call: UUID, strange: UUID, at: dict[str, str], agent_id: UUID) -> None:
    now = datetime.now(UTC)
    ended = {"started_at": now, "ended_at": now, "outcome": "answered"}
    await to.row("conversation", id=call, **at, direction="inbound", caller=f"0{NUMBER}", caller_name=NAME, **ended)
    out = {"node": "n1", "linkedid": "1700000000.2", "direction": "outbound", "caller": "101", "dialled": NUMBER}
    await to.row("conversation", id=uuid4(), **out, **ended)
    theirs = {"node": "n1", "linkedid": "1700000000.3", "direction": "inbound", "caller": OTHER, **ended}
    await to.row("conversation", id=strange, caller_name="李四光明", **theirs)
    await to.row("transfer", conversation_id=strange, node="n1", kind="blind", to=NUMBER)
    steps = [{"at_s": 1, "step": "ask", "pressed": NUMBER}, {"at_s": 2, "step": "menu", "pressed": "1"}]
    await to.row("visit", **at, steps=steps, pressed=f"{NUMBER}#1")
    await to.row("caller_facts", **at, number_e164=E164, customer_id=me, matter="orders")
    why = [{"why": f"{NAME} is key", "seconds": 60}]
    await to.row("routing", **at, credit_reasons=why, last_agent_why=f"Amy served {NAME}", last_agent_s=0, credit_s=60)
    message = uuid4()
    await to.row("voicemail", id=message, conversation_id=call, **at, file="1700000000.1.wav")
    await to.row("voicemail_work", voicemail_id=message, note=TOLD)
    await to.row("wrap_up", conversation_id=call, agent_id=agent_id, outcome="solved", note=TOLD)
    await to.row("wrap_up", conversation_id=strange, agent_id=agent_id, outcome="solved", note=f"not 1 {TOLD}")
    await to.row("follow_up", conversation_id=call, agent_id=agent_id, about=TOLD, due_on=now.date())
    await to.row("desk_message", by="jo", body=TOLD)
    await to.row("set_aside", node="n1", row=json.dumps({"caller": NUMBER, "name": NAME}, ensure_ascii=False))
    await to.row("correction", what=f"the call of {NUMBER} was over")
    wish = {"node": "n1", "kind": "pause", "asked_by": "amy", "state": "refused"}
    await to.row("pbx_request", **wish, conversation_id=call, why=f"no channel for {NUMBER}", target=NUMBER)
    await to.row("handover_note", conversation_id=call, agent_id=agent_id, body=TOLD)
    await to.row("handover_note", conversation_id=strange, agent_id=agent_id, body=f"not 1 {TOLD}")
    await to.row("raised_hand", conversation_id=call, agent_id=agent_id, about=TOLD)
    await to.row("number_list", number=E164, kind="block", reason=TOLD)
    promise, soon = uuid4(), {"window_begin": now, "window_end": now + timedelta(minutes=30)}
    whose = {"number_e164": E164, "source": "web", "not_now_why": f"{NAME} sleeps"}
    await to.row("callback", id=promise, customer_id=me, about=TOLD, **whose, **soon)
    told = {"outcome": "failed", "settled_at": now, "why": f"no way to {NUMBER}"}
    await to.row("callback_attempt", callback_id=promise, kind="agent_first", **told)
    theirs = {"number_e164": f"+86{OTHER}", "source": "web", "about": f"ask {TOLD}", **soon}
    await to.row("callback", id=uuid4(), customer_id=None, **theirs)
    block = zlib.compress(f"Event: Newchannel\r\nLinkedid: {at['linkedid']}\r\nCallerIDNum: {NUMBER}\r\n\r\n".encode())
    await to.row("journal", node="n1", linkedids=[at["linkedid"]], block=block, messages=1)


async def _beside_customers(to: Planter, me: UUID, other: UUID, call: UUID) -> None:
    await to.row("customer_change", customer_id=me, version=1, changes={"name": ["", NAME]})
    await to.row("customer_change", customer_id=other, version=1, changes={"note": ["", TOLD]})
    merged = uuid4()
    await to.row("customer", id=merged, code="CANARY-4711-B", name=NAME, merged_into=me)
    await to.row("customer_merge", kept_id=me, merged_id=merged, moved={}, filled={"company": [None, NAME]})
    await to.row("caller_pick", conversation_id=call, number_e164=E164, customer_id=me)
    home = uuid4()
    await to.row("organisation", id=home, code="H1", kind="household", name=f"{NAME}家", note=TOLD)
    await to.row("organisation_phone", organisation_id=home, raw="138 6666 7777", e164=SECOND, country="CN")
    await to.row("organisation_member", organisation_id=home, customer_id=me, role="father")
    second = uuid4()
    await to.row("organisation", id=second, code="H2", kind="household", name="家", merged_into=home)
    filled = {"note": ["", TOLD]}
    await to.row("organisation_merge", kept_id=home, merged_id=second, moved={}, filled=filled)
    took = uuid4()
    await to.row("customer_import", id=took, state="done", file_name=f"{NAME}.csv", counts={"valid": 1})
    line = {"import_id": took, "customer_id": me, "code": CODE, "name": NAME, "tier": "key", "note": TOLD}
    await to.row("customer_import_line", **line, line=1, state="valid")
    dup = {**line, "customer_id": uuid4(), "code": None, "fault": f"is a duplicate of {CODE}"}
    await to.row("customer_import_line", **dup, line=2, state="duplicate")
    await to.row("customer_import_number", import_id=took, line=1, place=1, raw=NUMBER, e164=E164)
    order = {"customer_id": me, "state": "shipped", "amount": Decimal("12.50"), "placed_at": datetime.now(UTC)}
    await to.row("customer_order", **order, number="20261122001", item=f"mug with {NAME} on it")
    await to.row("customer_fact", customer_id=me, name="address", value=f"{NAME}, Wei Street 1")
    await to.row("feed_file", kind="orders", state="done", name="orders.csv", faults=[{"line": 3, "why": TOLD}])
    await to.row("customer_note", customer_id=me, conversation_id=call, body=TOLD)
    await to.row("customer_note", customer_id=other, body=f"{TOLD} too")
    await to.row("customer_value", customer_id=me, held_why=TOLD)
    await to.row("tier_change", customer_id=me, to_tier="key", why=f"{NAME} ordered much")


async def _cases(to: Planter, me: UUID, agent_id: UUID) -> None:
    case = uuid4()
    await to.row("department", code="lab")
    words = {"subject": f"Kettle of {NAME}", "description": TOLD, "solution": TOLD}
    whose = {"customer_id": me, "category": "enquiry", "tier": "first_line", "owner_id": agent_id, "opened_by": "amy"}
    await to.row("customer_case", id=case, number="10017", caller=NUMBER, **whose, **words)
    await to.row("case_event", case_id=case, version=1, field="subject", was="", became=words["subject"], said=TOLD)
    await to.row("case_event", case_id=case, version=2, field="tier", was="first_line", became="second_line")
    await to.row("case_reminder", case_id=case, agent_id=agent_id, about=TOLD)
    await to.row("telling", case_id=case, channel="sms", state="written", recipient=NUMBER, body=f"Dear {NAME}")
    asked = {"asked_by": agent_id, "wanted": TOLD, "answer": TOLD, "request_remark": TOLD, "answer_remark": TOLD}
    await to.row("work_order", case_id=case, department="lab", **asked)


async def _outside(to: Planter, me: UUID, call: UUID) -> None:
    article = uuid4()
    await to.row("article", id=article)
    await to.row("article_feedback", article_id=article, version=1, body=f"{TOLD} did not understand it")
    told = await to.row("announcement", kind="case.opened", key=str(me), data={"name": NAME, "to": [NUMBER]})
    del told
    hook, dead = uuid4(), {"number": 1, "key": str(me), "state": "dead"}
    await to.row("webhook", id=hook)
    number = await to._session.scalar(Table.metadata.tables["announcement"].select().with_only_columns(
        Table.metadata.tables["announcement"].c.id))  # fmt: skip
    await to.row("webhook_delivery", webhook_id=hook, announcement_id=number, **dead, last_fault=f"400: {TOLD}")
    token = uuid4()
    await to.row("api_token", id=token)
    body = json.dumps({"name": NAME, "phones": [{"e164": E164}]}).encode()
    await to.row("idempotency_key", token_id=token, key="k1", body=body, headers={}, status=201)


def seen(url: str) -> Iterator[str]:
    """Every place in the database where the canary stands: all columns of all tables of all schemas, packed or not."""
    spelled = [*NEEDLES, *(needle.encode().hex() for needle in NEEDLES), *(json.dumps(NAME)[1:-1],)]
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        ).fetchall()
        for schema, table in tables:
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table)))
            for (row,) in rows:
                yield from (f"{schema}.{table}: {row}" for needle in spelled if needle.lower() in row.lower())
        for (block,) in connection.execute("SELECT block FROM journal").fetchall():
            yield from (f"journal: {needle}" for needle in NEEDLES if needle.encode() in zlib.decompress(block))


FIGURES = """
SELECT (SELECT json_agg(f) FROM (SELECT direction, outcome, count(*), count(DISTINCT caller) AS callers
          FROM conversation GROUP BY 1, 2 ORDER BY 1, 2) f)::text,
       (SELECT json_agg(f) FROM (SELECT state, count(*), sum(amount), count(DISTINCT customer_id)
          FROM customer_order GROUP BY 1) f)::text,
       (SELECT json_agg(f) FROM (SELECT tier, state, category, count(*) FROM customer_case GROUP BY 1, 2, 3) f)::text,
       (SELECT json_agg(f) FROM (SELECT did, field, count(*), count(*) FILTER (WHERE became = 'second_line')
          FROM case_event GROUP BY 1, 2 ORDER BY 1, 2) f)::text,
       (SELECT json_agg(f) FROM (SELECT outcome, count(*) FROM wrap_up GROUP BY 1) f)::text,
       (SELECT json_agg(f) FROM (SELECT s ->> 'step', count(*), count(*) FILTER (WHERE s ->> 'pressed' = '1')
          FROM visit, jsonb_array_elements(steps) s GROUP BY 1 ORDER BY 1) f)::text,
       (SELECT count(*) FROM voicemail), (SELECT count(*) FROM transfer), (SELECT sum(messages) FROM journal),
       (SELECT count(*) FROM customer), (SELECT count(*) FROM work_order),
       (SELECT count(*) FROM announcement WHERE kind <> 'customer.erased')
"""
"""What reports count: an erasure leaves every one of them as it was."""
