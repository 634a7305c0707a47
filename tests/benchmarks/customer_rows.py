"""What lies in the tables of a crowd of customers, as Postgres makes it: for each table whence its rows come, and each
column by name. Read by many_customers.py, which puts numbers where {customers}, {calls} and {midnight} stand.
"""

from __future__ import annotations

NODE = "asterisk1"

# Names as they come: Chinese ones of two and three characters, English ones.
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华文辉力红玉"
FIRST = "{Lily,Amy,John,Mary,Peter,Susan,Tom,Grace,Frank,Helen,Oscar,Nina}"
LAST = "{Chen,Smith,Wang,Brown,Li,Miller,Zhao,Jones,Zhou,Davis,Huang,Taylor,Baker}"

_E164 = "'+8613' || lpad(({index}::bigint * 7919 % 1000000000)::text, 9, '0')"
_CUSTOMER = "md5('customer' || n)::uuid"
_CALLS = """
(SELECT c, at, md5('call' || c)::uuid AS id, 'past-' || c AS linkedid, n, {e164} AS e164,
        (ARRAY['answered','answered','answered','answered','answered','answered','self_served','self_served',
               'abandoned','voicemail'])[1 + c % 10] AS outcome
   FROM (SELECT c, {midnight} - c / {calls}::float8 * interval '730 days' AS at,
                1 + floor({customers} * power((c::bigint * 2654435761 % 4294967296)::float8 / 4294967296, 2))::int AS n
           FROM generate_series(1, {calls}) c) counted) call
""".replace("{e164}", _E164.replace("{index}", "(3 * (n - 1) + c % 2)"))
_PHONES = """
(SELECT n, p, CASE WHEN p = 2 AND n % 20 = 0 THEN '+8621' || lpad((n / 100)::text, 8, '6') ELSE {e164} END AS e164
   FROM generate_series(1, {customers}) n, generate_series(0, 2) p) phone
""".replace("{e164}", _E164.replace("{index}", "(3 * (n - 1) + p)"))

ROWS: dict[str, tuple[str, dict[str, str]]] = {
    "queue": (
        "(VALUES ('support', 'Support', '客户支持'), ('reception', 'Reception', '前台')) q(name, en, zh)",
        {"name": "name", "title_en": "en", "title_zh": "zh"},
    ),
    "agent": (
        "generate_series(1, 50) n",
        {
            "id": "md5('agent' || n)::uuid",
            "login": "'agent' || n",
            "name": "'Agent 客服 ' || n",
            "password_hash": "''",
            "role": "'agent'",
            "language": "'en'",
            "active": "true",
        },
    ),
    "customer": (
        "generate_series(1, {customers}) n",
        {
            "id": _CUSTOMER,
            "code": "'K-' || n",
            "name": f"CASE n % 3 WHEN 0 THEN ('{FIRST}'::text[])[1 + n / 3 % 12] || ' ' || "
            f"('{LAST}'::text[])[1 + n / 36 % 13] "
            f"ELSE substr('{SURNAMES}', 1 + n % 20, 1) || substr('{GIVEN}', 1 + n / 20 % 29, 1 + n % 2) END",
            "company": "CASE WHEN n % 20 = 0 THEN 'Company 公司 ' || n / 100 END",
            "tier": "CASE WHEN n % 100 = 0 THEN 'key' WHEN n % 20 = 0 THEN 'main' WHEN n % 5 = 0 THEN 'small' "
            "ELSE 'ordinary' END",
            "language": "CASE n % 3 WHEN 0 THEN 'en' WHEN 1 THEN 'zh' END",
            "note": "''",
            "created_at": "{midnight} - n % 2000 * interval '1 day'",
        },
    ),
    "customer_phone": (
        _PHONES,
        {
            "id": "md5('phone' || n || '.' || p)::uuid",
            "customer_id": _CUSTOMER,
            "raw": "substr(e164, 4, 3) || ' ' || substr(e164, 7, 4) || ' ' || substr(e164, 11)",
            "e164": "e164",
            "country": "'CN'",
        },
    ),
    "customer_order": (
        "generate_series(1, 2 * {customers}) o",
        {
            "id": "md5('order' || o)::uuid",
            "number": "'B-' || o",
            "customer_id": "md5('customer' || (1 + o::bigint * 7919 % {customers}))::uuid",
            "state": "(ARRAY['received','paid','packed','shipped','delivered','cancelled'])[1 + o % 6]",
            "item": "(ARRAY['tea','teapot','茶具','green tea','绿茶'])[1 + o % 5]",
            "amount": "(10 + o % 5000) + 0.5",
            "currency": "'CNY'",
            "placed_at": "{midnight} - o / (2.0 * {customers})::float8 * interval '1000 days'",
            "expected_on": "{midnight} + o % 20 * interval '1 day'",
        },
    ),
    "conversation": (
        _CALLS,
        {
            "id": "id",
            "node": f"'{NODE}'",
            "linkedid": "linkedid",
            "direction": "'inbound'",
            "caller": "substr(e164, 4)",
            "dialled": "'95000'",
            "started_at": "at",
            "ended_at": "at + (60 + c % 400) * interval '1 s'",
            "outcome": "outcome",
            "ended_by": "CASE WHEN c % 2 = 0 THEN 'caller' ELSE 'agent' END",
            "hangup_cause": "16",
        },
    ),
    "segment": (
        f"{_CALLS} WHERE outcome = 'answered'",
        {
            "id": "md5('talk' || c)::uuid",
            "conversation_id": "id",
            "node": f"'{NODE}'",
            "queue": "CASE WHEN c % 3 = 0 THEN 'reception' ELSE 'support' END",
            "seat": "'PJSIP/10' || lpad((1 + c % 50)::text, 2, '0')",
            "agent_id": "md5('agent' || 1 + c % 50)::uuid",
            "caller_uniqueid": "linkedid",
            "started_at": "at + interval '20 s'",
            "ended_at": "at + (60 + c % 400) * interval '1 s'",
            "hold_s": "0",
        },
    ),
    "wait": (
        f"{_CALLS} WHERE outcome IN ('answered', 'abandoned')",
        {
            "id": "md5('wait' || c)::uuid",
            "conversation_id": "id",
            "node": f"'{NODE}'",
            "queue": "CASE WHEN c % 3 = 0 THEN 'reception' ELSE 'support' END",
            "caller_uniqueid": "linkedid",
            "position": "1 + c % 4",
            "entered_at": "at + interval '10 s'",
            "left_at": "at + interval '20 s'",
            "outcome": "outcome",
        },
    ),
    "caller_facts": (
        _CALLS,
        {
            "node": f"'{NODE}'",
            "linkedid": "linkedid",
            "number_e164": "e164",
            "customer_id": _CUSTOMER,
            "language": "CASE n % 3 WHEN 0 THEN 'en' ELSE 'zh' END",
            "matter": "(ARRAY['support','order_status','reception'])[1 + c % 3]",
            "learnt_at": "at + interval '9 s'",
        },
    ),
    "visit": (
        f"{_CALLS} WHERE c % 2 = 0",
        {
            "id": "md5('visit' || c)::uuid",
            "node": f"'{NODE}'",
            "linkedid": "linkedid",
            "uniqueid": "linkedid",
            "flow": "'front_desk'",
            "language": "CASE n % 3 WHEN 0 THEN 'en' ELSE 'zh' END",
            "started_at": "at",
            "ended_at": "at + interval '9 s'",
            "steps": """'[{"at_s": 0.1, "step": "ask", "prompt": "choose-english", "pressed": null},"""
            """ {"at_s": 4.2, "step": "pressed", "prompt": null, "pressed": "2"}]'::jsonb""",
            "pressed": "(1 + c % 2)::text || (1 + c % 3)::text",
            "last_prompt": "'menu-reception'",
            "ending": "CASE outcome WHEN 'self_served' THEN 'goodbye' WHEN 'voicemail' THEN 'voicemail' "
            "ELSE 'join_queue' END",
            "served": "outcome = 'self_served'",
        },
    ),
    "voicemail": (
        f"{_CALLS} WHERE outcome = 'voicemail'",
        {
            "id": "md5('voicemail' || c)::uuid",
            "conversation_id": "id",
            "node": f"'{NODE}'",
            "linkedid": "linkedid",
            "box": "'support'",
            "file": "linkedid || '.wav'",
            "left_at": "at + interval '40 s'",
        },
    ),
}
