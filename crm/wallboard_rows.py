"""The rows of the wallboard: one statement over what is live now and what happened today, each tile a column of it.

Called by wallboard alone, which reads it for all screens at once.
"""

from __future__ import annotations

from sqlalchemy import text

from .tables.callbacks import AT_RISK
from .tables.conversations import CALLER_WAITS

# The queue of a wait `w`; who waits in a seat's own one, for the agent that served them last, had come for another.
MEANT = """CASE WHEN w.queue LIKE 'seat-%' THEN (
                SELECT r.queue FROM conversation c JOIN routing r ON r.node = c.node AND r.linkedid = c.linkedid
                 WHERE c.id = w.conversation_id ORDER BY r.decided_at DESC LIMIT 1) ELSE w.queue END"""
BOARD = text(
    """
WITH named AS MATERIALIZED (
  SELECT name FROM queue
   UNION SELECT queue FROM membership WHERE left_at IS NULL AND queue NOT LIKE 'seat-%'
   UNION SELECT queue FROM wait WHERE left_at IS NULL AND queue NOT LIKE 'seat-%'),
/* who left a queue neither served nor by hanging up may have waited on, there or elsewhere: */
moved AS MATERIALIZED (
  SELECT conversation_id FROM named JOIN wait ON wait.queue = named.name
   WHERE entered_at >= :midnight AND outcome NOT IN ('answered', 'abandoned') AND {CALLER_WAITS}
   UNION
  SELECT conversation_id FROM routing JOIN conversation c ON c.node = routing.node AND c.linkedid = routing.linkedid
    JOIN wait ON wait.conversation_id = c.id AND wait.queue LIKE 'seat-%'
   WHERE routing.queue IN (SELECT name FROM named) AND routing.decided_at >= :midnight
     AND routing.last_seat IS NOT NULL AND wait.outcome NOT IN ('answered', 'abandoned')),
/* that is one wait, of the queue they came to first, until an agent answers anywhere */
came AS MATERIALIZED (
  SELECT queue, first_at AS entered_at, CASE WHEN waits AND served_at IS NULL THEN NULL
                                             ELSE coalesce(served_at, gone_at) END AS left_at,
         CASE WHEN served_at IS NOT NULL THEN 'answered' WHEN gave_up AND NOT waits THEN 'abandoned' END AS outcome
    FROM moved CROSS JOIN LATERAL (
         SELECT (array_agg({MEANT} ORDER BY entered_at))[1] AS queue, min(entered_at) AS first_at,
                max(left_at) AS gone_at, bool_or(left_at IS NULL) AS waits, bool_or(outcome = 'abandoned') AS gave_up,
                min(left_at) FILTER (WHERE outcome = 'answered') AS served_at
           FROM wait w WHERE w.conversation_id = moved.conversation_id AND {CALLER_WAITS}) AS chain
   WHERE first_at >= :midnight)
SELECT clock_timestamp() AS now,
 (SELECT coalesce(json_agg(n ORDER BY n.name), '[]') FROM (
    SELECT name, heard_at, lost_at,
           coalesce(lost_at IS NULL AND heard_at > clock_timestamp() - make_interval(secs => :blind_s), false) AS live,
           (SELECT coalesce(json_agg(w ORDER BY w.from_at), '[]') FROM (
              SELECT from_at, to_at, backfilled_at IS NOT NULL AND calls_pending = 0 AS reconstructed
                FROM blind_window WHERE node = node.name AND to_at >= :midnight
               ORDER BY from_at DESC LIMIT :gaps_shown) AS w) AS gaps
      FROM node) AS n) AS nodes,
 (SELECT coalesce(json_agg(q ORDER BY q.name), '[]') FROM (
    SELECT named.name,
           coalesce(queue.title_en, named.name) AS title_en, coalesce(queue.title_zh, named.name) AS title_zh,
           coalesce(queue.service_level_s, 20) AS service_level_s,
           coalesce(live.waiting, 0) AS waiting, live.first_at, coalesce(today.offered, 0) AS offered,
           coalesce(today.answered, 0) AS answered, coalesce(today.in_time, 0) AS in_time,
           coalesce(today.abandoned, 0) AS abandoned, coalesce(today.short, 0) AS short,
           coalesce(standing.seats, 0) AS seats, coalesce(standing.ready, 0) AS ready
      FROM named
      LEFT JOIN queue ON queue.name = named.name
      LEFT JOIN LATERAL (
           SELECT count(*) FILTER (WHERE left_at IS NOT NULL) AS offered,
                  count(*) FILTER (WHERE outcome = 'answered') AS answered,
                  count(*) FILTER (WHERE outcome = 'answered' AND left_at - entered_at
                                   <= make_interval(secs => coalesce(queue.service_level_s, 20))) AS in_time,
                  count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
                  count(*) FILTER (WHERE outcome = 'abandoned' AND left_at - entered_at
                                   < make_interval(secs => :short_s)) AS short
             FROM (SELECT entered_at, left_at, outcome FROM wait
                    WHERE wait.queue = named.name AND entered_at >= :midnight
                      AND {CALLER_WAITS} AND conversation_id NOT IN (SELECT conversation_id FROM moved)
                    UNION ALL
                   SELECT entered_at, left_at, outcome FROM came WHERE came.queue = named.name
                    UNION ALL
                   /* who was served by the last agent, from that seat's own queue, had come for this one */
                   SELECT wait.entered_at, wait.left_at, wait.outcome
                     FROM routing JOIN conversation c ON c.node = routing.node AND c.linkedid = routing.linkedid
                     JOIN wait ON wait.conversation_id = c.id AND wait.queue LIKE 'seat-%'
                       AND coalesce(wait.outcome, 'waits') IN ('answered', 'abandoned', 'waits')
                    WHERE routing.queue = named.name AND routing.decided_at >= :midnight
                      AND routing.last_seat IS NOT NULL
                      AND conversation_id NOT IN (SELECT conversation_id FROM moved)) AS stays) AS today ON true
      LEFT JOIN (
           SELECT {MEANT} AS queue, count(*) AS waiting, min(entered_at) AS first_at
             FROM wait w WHERE left_at IS NULL AND {CALLER_WAITS} GROUP BY 1) AS live ON live.queue = named.name
      LEFT JOIN LATERAL (
           SELECT count(*) AS seats, count(*) FILTER (WHERE posture.word = 'ready') AS ready
             FROM membership LEFT JOIN posture USING (node, seat)
            WHERE membership.queue = named.name AND membership.left_at IS NULL) AS standing ON true) AS q) AS queues,
 (SELECT coalesce(json_agg(a ORDER BY a.name), '[]') FROM (
    SELECT agent.name, agent.login, s.node, s.seat, s.signed_in_at, posture.word, posture.since, posture.pause_reason,
           posture.next_reason,
           (SELECT coalesce(json_agg(json_build_object('kind', kind, 'reason', reason) ORDER BY wanted_at), '[]')
              FROM pbx_request r WHERE r.node = s.node AND r.seat = s.seat AND r.state IN ('wanted', 'sent')
               AND r.expires_at > clock_timestamp()) AS wishes
      FROM seat_session s JOIN agent ON agent.id = s.agent_id
      LEFT JOIN posture ON posture.node = s.node AND posture.seat = s.seat
     WHERE s.signed_out_at IS NULL) AS a) AS agents,
 (SELECT coalesce(json_agg(r), '[]') FROM (SELECT name, title_en, title_zh FROM pause_reason) AS r) AS reasons,
 (SELECT coalesce(json_agg(c), '[]') FROM (
    SELECT conversation.caller, conversation.direction, talk.agent,
           CASE WHEN talk.started_at IS NOT NULL THEN 'talking' WHEN waiting.entered_at IS NOT NULL THEN 'waiting'
                ELSE 'other' END AS what,
           coalesce(talk.started_at, waiting.entered_at, conversation.started_at) AS since,
           CASE WHEN coalesce(talk.queue, waiting.queue) LIKE 'seat-%' THEN (
                  SELECT routing.queue FROM routing
                   WHERE routing.node = conversation.node AND routing.linkedid = conversation.linkedid
                   ORDER BY decided_at DESC LIMIT 1)
                ELSE coalesce(talk.queue, waiting.queue) END AS queue
      FROM conversation
      LEFT JOIN LATERAL (
           SELECT segment.started_at, segment.queue, coalesce(agent.name, segment.seat) AS agent
             FROM segment LEFT JOIN agent ON agent.id = segment.agent_id
            WHERE conversation_id = conversation.id AND ended_at IS NULL ORDER BY started_at LIMIT 1) AS talk ON true
      LEFT JOIN LATERAL (
           SELECT entered_at, queue FROM wait
            WHERE conversation_id = conversation.id AND left_at IS NULL LIMIT 1) AS waiting ON true
     WHERE conversation.ended_at IS NULL
     ORDER BY conversation.started_at) AS c) AS calls,
 (SELECT coalesce(json_agg(p), '[]') FROM (
    SELECT queue, count(*) FILTER (WHERE closed_at IS NULL) AS open,
           count(*) FILTER (WHERE closed_at IS NULL AND due_at <= clock_timestamp()) AS due,
           count(*) FILTER (WHERE {AT_RISK}) AS at_risk,
           count(*) FILTER (WHERE kept AND closed_at >= :midnight) AS kept,
           count(*) FILTER (WHERE kept IS NOT NULL AND closed_at >= :midnight) AS judged,
           (SELECT count(*) FROM callback_attempt a
             WHERE a.queue = c.queue AND a.dialled_at IS NOT NULL AND a.talked_at IS NULL AND a.ended_at IS NULL
               AND a.settled_at IS NULL) AS rung,
           (SELECT count(*) FROM callback_attempt a
             WHERE a.queue = c.queue AND a.kind = 'customer_first' AND a.talked_at IS NULL AND a.ended_at IS NULL
               AND a.dialled_at IS NOT NULL AND a.settled_at IS NULL) AS rung_first,
           EXISTS (SELECT FROM callback_halt h WHERE h.queue IN ('', c.queue)) AS halted
      FROM callback c
     WHERE state IN ('waiting', 'placed') OR asked_at >= :midnight OR closed_at >= :midnight
     GROUP BY queue) AS p) AS promises
""".replace("{AT_RISK}", AT_RISK)
    .replace("{CALLER_WAITS}", CALLER_WAITS)
    .replace("{MEANT}", MEANT)
)
