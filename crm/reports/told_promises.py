"""What a customer's timeline says of promises to call them back: each promise, each try, and whether it was kept.

A part of customer_timeline's statement, which alone uses it: `:ids` and `:numbers` are the customer's.
"""

from __future__ import annotations

# Promises to call back are of the customer they were made to, else of whose number they name. A try that led to a talk
# is a call, and stands there as one.
PROMISES = """
    (SELECT 'callback', p.id, p.at, p.why, p.about, p.detail || jsonb_build_object('number', p.number_e164,
            'queue', p.queue, 'title_en', queue.title_en, 'title_zh', queue.title_zh,
            'window_begin', p.window_begin, 'window_end', p.window_end, 'about', nullif(p.matter, ''))
       FROM (
         SELECT theirs.*, told.id, told.at, told.why, told.about, told.detail FROM (
           SELECT c.id AS promise_id, c.number_e164, c.queue, c.window_begin, c.window_end, c.about AS matter,
                  c.asked_at, c.source, c.booked_by, c.state, c.kept, c.closed_at, c.closed_by, c.dials
             FROM callback c
            WHERE {callback} /* queue */ AND c.asked_at <= :at AND (c.customer_id = ANY(CAST(:ids AS uuid[]))
                  OR (c.customer_id IS NULL AND c.number_e164 = ANY(CAST(:numbers AS text[]))))) AS theirs
         CROSS JOIN LATERAL (
           SELECT promise_id AS id, asked_at AS at, 'promised' AS why, booked_by AS about,
                  jsonb_build_object('what', 'promised', 'source', source, 'state', state) AS detail
           UNION ALL
           SELECT a.id, a.dialled_at, 'promise', booked_by,
                  jsonb_build_object('what', 'tried', 'outcome', a.outcome, 'asked_at', asked_at)
             FROM callback_attempt a
            WHERE a.callback_id = promise_id AND a.dialled_at IS NOT NULL AND a.outcome <> 'reached'
           UNION ALL
           SELECT promise_id, closed_at, 'promise', closed_by,
                  jsonb_build_object('what', 'over', 'state', state, 'kept', kept, 'dials', dials, 'asked_at', asked_at)
            WHERE closed_at IS NOT NULL) AS told) AS p
       LEFT JOIN queue ON queue.name = p.queue
      WHERE (p.at, p.id) < (:at, :id) ORDER BY p.at DESC, p.id DESC LIMIT :limit)"""
