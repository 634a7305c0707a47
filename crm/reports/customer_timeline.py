"""Everything that happened with one customer, in one order: calls, messages, promises to call back, orders, cases,
notes, tiers.

Nothing is copied into a stream of its own: each kind is read from the rows it lives in, by an index, a page at a time,
so the stream can never disagree with them. Every entry that nobody wrote by hand says why it is there. Called by the
card, pages and the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct

from crm.ledger.ids import conversation_id
from crm.questions import Asked, Question, Where, ask
from crm.refusals import Refusal
from crm.rules import page_cursor
from crm.rules.number_spellings import spellings

from .told_promises import PROMISES

KINDS = ("conversation", "voicemail", "callback", "case", "order", "note", "tier")
PAGE = 30
LARGEST_PAGE = 200
TOLD_BY_MENU = 500
"""Calls from numbers that are not the customer's, of which the menu knew who it was: so many are looked at a page."""

# Their numbers; under which ids they stand, for what was found to be this customer, too, stands in old rows under its
# own; and calls from other numbers of which the menu knew that it was them.
_WHOSE_ASKED = """
WITH RECURSIVE also AS (
  SELECT CAST(:customer_id AS uuid) AS id UNION SELECT c.id FROM customer c JOIN also ON c.merged_into = also.id),
own AS (SELECT e164 FROM customer_phone WHERE customer_id = :customer_id AND e164 IS NOT NULL)
SELECT (SELECT coalesce(json_agg(e164), '[]') FROM own) AS e164,
       (SELECT json_agg(id) FROM also) AS ids,
       (SELECT coalesce(json_agg(json_build_array(node, linkedid)), '[]') FROM (
            SELECT node, linkedid FROM caller_facts
             WHERE customer_id IN (SELECT id FROM also) AND learnt_at <= CAST(:at AS timestamptz) + interval '1 day'
               AND (number_e164 IS NULL OR number_e164 NOT IN (SELECT e164 FROM own))
             ORDER BY learnt_at DESC LIMIT :most) AS others) AS told
"""

# A call belongs to whom an agent named, else to whom the menu knew, else to whose number it is.
_OF_OTHERS = """
   AND NOT EXISTS (SELECT FROM caller_pick p WHERE p.conversation_id = c.id
                      AND p.customer_id <> ALL(CAST(:ids AS uuid[])))
   AND NOT EXISTS (SELECT FROM caller_facts f WHERE f.node = c.node AND f.linkedid = c.linkedid
                      AND f.customer_id <> ALL(CAST(:ids AS uuid[]))
                      AND NOT EXISTS (SELECT FROM caller_pick p WHERE p.conversation_id = c.id))
"""
_CALLS = f"""
calls AS (
  SELECT DISTINCT ON (id) id, at, why, about FROM (
    (SELECT c.id, c.started_at AS at, 3 AS place, 'number' AS why, NULL AS about
       FROM unnest(CAST(:numbers AS text[])) AS n(number) CROSS JOIN LATERAL (
            SELECT c.id, c.started_at FROM conversation c
             WHERE c.caller = n.number AND (c.started_at, c.id) < (:at, :id) {_OF_OTHERS} /* seen */
             ORDER BY c.started_at DESC, c.id DESC LIMIT :limit) AS c
      ORDER BY 2 DESC, 1 DESC LIMIT :limit)
    UNION ALL
    (SELECT c.id, c.started_at, 4, 'dialled', NULL
       FROM unnest(CAST(:numbers AS text[])) AS n(number) CROSS JOIN LATERAL (
            SELECT c.id, c.started_at FROM conversation c
             WHERE c.dialled = n.number AND c.direction = 'outbound' AND (c.started_at, c.id) < (:at, :id) /* seen */
             ORDER BY c.started_at DESC, c.id DESC LIMIT :limit) AS c
      ORDER BY 2 DESC, 1 DESC LIMIT :limit)
    UNION ALL
    (SELECT c.id, c.started_at, 2, 'menu', NULL FROM conversation c
      WHERE c.id = ANY(CAST(:told AS uuid[])) AND (c.started_at, c.id) < (:at, :id) /* seen */
        AND NOT EXISTS (SELECT FROM caller_pick p WHERE p.conversation_id = c.id
                           AND p.customer_id <> ALL(CAST(:ids AS uuid[])))
      ORDER BY 2 DESC, 1 DESC LIMIT :limit)
    UNION ALL
    (SELECT c.id, c.started_at, 1, 'picked', p.picked_by FROM caller_pick p JOIN conversation c
         ON c.id = p.conversation_id
      WHERE p.customer_id = ANY(CAST(:ids AS uuid[])) AND (c.started_at, c.id) < (:at, :id) /* seen */
      ORDER BY 2 DESC, 1 DESC LIMIT :limit)) AS any_way
   ORDER BY id, place)"""  # noqa: S608 - parts of our own
_MESSAGES = """
    (SELECT 'voicemail', v.id, v.left_at, 'number', NULL,
            jsonb_build_object('caller', n.number, 'box', v.box, 'duration_s', w.duration_s,
                               'state', coalesce(w.state, 'new'))
       FROM unnest(CAST(:numbers AS text[])) AS n(number) CROSS JOIN LATERAL (
            SELECT v.* FROM conversation c JOIN voicemail v ON v.conversation_id = c.id
             WHERE c.caller = n.number AND c.started_at <= :at AND (v.left_at, v.id) < (:at, :id) /* box */
             ORDER BY c.started_at DESC LIMIT :limit) AS v
       LEFT JOIN voicemail_work w ON w.voicemail_id = v.id
      WHERE {voicemail} ORDER BY 3 DESC, 2 DESC LIMIT :limit)"""
_OTHERS = """
    (SELECT 'order', id, placed_at, 'source', source, jsonb_build_object('number', number, 'state', state,
            'item', item, 'amount', amount::text, 'currency', currency)
       FROM customer_order WHERE customer_id = :customer_id AND (placed_at, id) < (:at, :id) AND {order}
      ORDER BY placed_at DESC, id DESC LIMIT :limit)
    UNION ALL
    (SELECT 'note', id, at, 'written', author, jsonb_build_object('text', body)
       FROM customer_note WHERE customer_id = :customer_id AND (at, id) < (:at, :id) AND {note}
      ORDER BY at DESC, id DESC LIMIT :limit)
    UNION ALL
    (SELECT 'tier', id, at, CASE by WHEN 'kefu' THEN 'ranking' WHEN '' THEN 'found' ELSE 'written' END, by,
            jsonb_build_object('from', from_tier, 'to', to_tier, 'because', why)
       FROM tier_change WHERE customer_id = :customer_id AND (at, id) < (:at, :id) AND {tier}
      ORDER BY at DESC, id DESC LIMIT :limit)
    UNION ALL
    (SELECT 'case', id, opened_at, 'opened', opened_by, jsonb_build_object('number', number, 'subject', subject,
            'category', category, 'state', state, 'what', 'opened')
       FROM customer_case WHERE customer_id = :customer_id AND (opened_at, id) < (:at, :id) AND {case}
      ORDER BY opened_at DESC, id DESC LIMIT :limit)
    UNION ALL
    (SELECT 'case', id, closed_at, 'closed', closed_by, jsonb_build_object('number', number, 'subject', subject,
            'category', category, 'state', state, 'what', 'closed', 'solution', left(solution, 300))
       FROM customer_case WHERE customer_id = :customer_id AND (closed_at, id) < (:at, :id) AND {case}
      ORDER BY closed_at DESC, id DESC LIMIT :limit)"""
# Who is bound to queues sees calls that came to one of them and their own; messages in their boxes, or in nobody's; and
# promises of their queues.
_BOUND = {
    "/* seen */": """
   AND (EXISTS (SELECT FROM wait w WHERE w.conversation_id = c.id AND w.queue = ANY(CAST(:queues AS text[])))
        OR EXISTS (SELECT FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid
                      AND r.queue = ANY(CAST(:queues AS text[])))
        OR EXISTS (SELECT FROM offer o WHERE o.conversation_id = c.id AND o.agent_id = :agent_id)
        OR EXISTS (SELECT FROM segment s WHERE s.conversation_id = c.id AND s.agent_id = :agent_id))""",
    "/* box */": "AND (v.box IS NULL OR v.box = ANY(CAST(:queues AS text[])))",
    "/* queue */": "AND c.queue = ANY(CAST(:queues AS text[]))",
}
_DETAIL = """
SELECT page.kind, page.id, page.at, page.why, page.about,
       CASE WHEN page.kind = 'conversation' THEN (
         SELECT jsonb_build_object('direction', c.direction, 'outcome', c.outcome, 'caller', c.caller,
                  'dialled', c.dialled, 'reconstructed', c.reconstructed, 'wrap_up', said.outcome, 'note', said.note,
                  'agent', coalesce(said.agent, talk.agent), 'talk_s', talk.talk_s, 'queue', waited.queue,
                  'title_en', waited.title_en, 'title_zh', waited.title_zh, 'matter', facts.matter,
                  'cases', (SELECT coalesce(jsonb_agg(k.number), '[]') FROM case_conversation l
                              JOIN customer_case k ON k.id = l.case_id WHERE l.conversation_id = c.id))
           FROM conversation c
           LEFT JOIN caller_facts facts ON facts.node = c.node AND facts.linkedid = c.linkedid
           LEFT JOIN LATERAL (
                SELECT wrap_up.outcome, wrap_up.note, agent.name AS agent
                  FROM wrap_up JOIN agent ON agent.id = wrap_up.agent_id
                 WHERE wrap_up.conversation_id = c.id ORDER BY saved_at DESC LIMIT 1) AS said ON true
           LEFT JOIN LATERAL (
                SELECT string_agg(DISTINCT agent.name, ', ') AS agent,
                       sum(extract(epoch FROM ended_at - started_at) - hold_s)::float8 AS talk_s
                  FROM segment LEFT JOIN agent ON agent.id = segment.agent_id
                 WHERE segment.conversation_id = c.id) AS talk ON true
           LEFT JOIN LATERAL (
                SELECT meant.queue, queue.title_en, queue.title_zh FROM wait
                 CROSS JOIN LATERAL (SELECT CASE WHEN wait.queue LIKE 'seat-%' THEN coalesce((
                       SELECT r.queue FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid
                        ORDER BY r.decided_at DESC LIMIT 1), wait.queue) ELSE wait.queue END AS queue) AS meant
                  LEFT JOIN queue ON queue.name = meant.queue
                 WHERE wait.conversation_id = c.id ORDER BY entered_at DESC LIMIT 1) AS waited ON true
          WHERE c.id = page.id) ELSE page.detail END AS detail
  FROM page ORDER BY page.at DESC, page.id DESC
"""


class Entry(Struct, frozen=True):
    """One entry. `why`, how it came to be here: number (detail.caller), menu, picked, dialled (detail.dialled), source
    (of an order), promised (to call back), promise (made at detail.asked_at), written, ranking, found, opened, closed;
    `about` is the login or source that it speaks of."""

    kind: str
    id: UUID
    at: datetime
    why: str
    about: str | None
    detail: dict[str, Any]


class Page(Struct, frozen=True):
    """Entries, the newest first; `next` is the cursor of the following page, None: this is the oldest."""

    entries: list[Entry]
    next: str | None


class Whose(Struct, frozen=True):
    """What is the customer's: numbers in E.164, ids in old rows, calls (node, Linkedid) that the menu knew of."""

    e164: list[str]
    ids: list[UUID]
    told: list[tuple[str, str]]


_WHOSE = Question(_WHOSE_ASKED, Whose)


def whose(customer_id: UUID, cursor: str | None = None) -> Asked[Whose]:
    """The question that comes before a page of a timeline. Refusal for a cursor that is none of ours."""
    return _WHOSE.with_(customer_id=customer_id, at=_after(cursor)[0], most=TOLD_BY_MENU)


def page_of(
    customer_id: UUID,
    found: Whose,
    *,
    cursor: str | None = None,
    kinds: Iterable[str] = KINDS,
    limit: int = PAGE,
    queues: Iterable[str] | None = None,
    agent_id: UUID | None = None,
) -> Asked[Entry]:
    """The question after the entries of a page, and one more where there is a next."""
    wanted = _checked(kinds)
    at, row = _after(cursor)
    asked: dict[str, Any] = {
        "customer_id": customer_id,
        "ids": found.ids,
        "at": at,
        "id": row,
        "limit": max(1, min(limit, LARGEST_PAGE)) + 1,
        "numbers": list(dict.fromkeys(way for number in found.e164 for way in spellings(number))),
        "told": [UUID(conversation_id(*each)) for each in found.told] if "conversation" in wanted else [],
    }
    if queues is not None:
        asked |= {"queues": list(queues), "agent_id": agent_id}
    return _question(frozenset(wanted), queues is not None).with_(**asked)


def page(entries: list[Entry], limit: int = PAGE) -> Page:
    """What was answered, as a page."""
    kept = max(1, min(limit, LARGEST_PAGE))
    last = entries[kept - 1] if len(entries) > kept else None
    return Page(entries[:kept], page_cursor.written(last.at, last.id) if last else None)


async def timeline(
    where: Where, customer_id: UUID, *, cursor: str | None = None, limit: int = PAGE, **more: Any
) -> Page:
    """A page of one customer's timeline. `more`: `kinds`; `queues`: only what came to these, and calls that rang for
    `agent_id` or in which they talked (None: all). Refusal for a cursor that is none of ours, or an unknown kind."""
    (found,), *_ = await ask(where, whose(customer_id, cursor))
    (entries,) = await ask(where, page_of(customer_id, found, cursor=cursor, limit=limit, **more))
    return page(entries, limit)


def _checked(kinds: Iterable[str]) -> set[str]:
    wanted = set(kinds)
    unknown = sorted(wanted - set(KINDS))
    if unknown:
        raise Refusal(f"there is no {unknown[0]!r} in a timeline: there are {', '.join(KINDS)}")
    return wanted or set(KINDS)


def _after(cursor: str | None) -> tuple[datetime, UUID]:
    try:
        return page_cursor.read(cursor) or (datetime.fromisoformat("9000-01-01T00:00:00+00:00"), UUID(int=0))
    except ValueError as refused:
        raise Refusal(str(refused)) from None


@cache
def _question(wanted: frozenset[str], bound: bool) -> Question[Entry]:
    return Question(_statement(wanted, bound), Entry)


def _statement(wanted: frozenset[str], bound: bool) -> str:
    """The statement for these kinds; a kind that is not wanted reads nothing. `bound`: to queues."""
    shown = {kind: "true" if kind in wanted else "false" for kind in KINDS}
    calls = "true" if "conversation" in wanted else "false"
    statement = f"""
WITH {_CALLS}, page AS (
  SELECT * FROM (
    (SELECT 'conversation' AS kind, id, at, why, about, NULL::jsonb AS detail FROM calls WHERE {calls}
      ORDER BY at DESC, id DESC LIMIT :limit)
    UNION ALL {_MESSAGES.format(**shown)}
    UNION ALL {PROMISES.format(**shown)}
    UNION ALL {_OTHERS.format(**shown)}) AS all_kinds
   ORDER BY at DESC, id DESC LIMIT :limit)
{_DETAIL}"""  # noqa: S608 - parts of our own
    for place, only in _BOUND.items():
        statement = statement.replace(place, only if bound else "")
    return statement
