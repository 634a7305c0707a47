"""What Postgres does with the lines of a file, a batch at a time. Called by import_customers alone.

APPLY is asked with :import and a span of lines; what it makes depends on rows only, so a batch done again after a fall
ends the same.
"""

from __future__ import annotations

from collections.abc import Mapping

# Rows that came by the thousand a moment ago have no statistics yet, and a plan without them may never end.
LEARN = "ANALYZE customer_import_line, customer_import_number"
COUNT = """
SELECT count(*) FILTER (WHERE state = 'valid') AS valid,
       count(*) FILTER (WHERE state = 'invalid') AS invalid,
       count(*) FILTER (WHERE state = 'duplicate') AS duplicate,
       (SELECT count(DISTINCT n.line) FROM customer_import_number n
          JOIN customer_import_line l ON l.import_id = n.import_id AND l.line = n.line AND l.state = 'valid'
         WHERE n.import_id = :import AND n.do_not_call) AS do_not_call
  FROM customer_import_line WHERE import_id = :import
"""

_SPAN = "l.import_id = :import AND l.line > :after AND l.line <= :until AND l.state = 'valid'"
APPLY: Mapping[str, str] = {
    "customers": f"""
INSERT INTO customer (id, code, name, company, tier, language, note)
SELECT l.customer_id, coalesce(l.code, 'K' || lpad(nextval('customer_code')::text, 6, '0')), l.name, l.company, l.tier,
       l.language, l.note
  FROM customer_import_line l WHERE {_SPAN} ORDER BY l.line
    ON CONFLICT DO NOTHING
""",  # noqa: S608 - a condition of our own
    "phones": f"""
INSERT INTO customer_phone (id, customer_id, raw, e164, country, validity, kind, do_not_call, do_not_call_since,
                            do_not_call_by)
SELECT gen_random_uuid(), l.customer_id, n.raw, n.e164, n.country, n.validity, n.kind, n.do_not_call,
       CASE WHEN n.do_not_call THEN clock_timestamp() END, CASE WHEN n.do_not_call THEN CAST(:by AS text) END
  FROM customer_import_line l
  JOIN customer_import_number n ON n.import_id = l.import_id AND n.line = l.line
  JOIN customer c ON c.id = l.customer_id
 WHERE {_SPAN}
    ON CONFLICT DO NOTHING
""",  # noqa: S608 - a condition of our own
    "organisations": f"""
INSERT INTO organisation (id, code, name, kind)
SELECT gen_random_uuid(), 'G' || lpad(nextval('organisation_code')::text, 5, '0'), new.name, new.kind
  FROM (SELECT DISTINCT ON (lower(l.organisation)) l.organisation AS name, l.organisation_kind AS kind
          FROM customer_import_line l JOIN customer c ON c.id = l.customer_id
         WHERE {_SPAN} AND l.organisation IS NOT NULL ORDER BY lower(l.organisation), l.line) new
 WHERE NOT EXISTS (SELECT FROM organisation o WHERE lower(o.name) = lower(new.name))
""",  # noqa: S608 - a condition of our own
    "members": f"""
INSERT INTO organisation_member (organisation_id, customer_id)
SELECT (SELECT coalesce(o.merged_into, o.id) FROM organisation o WHERE lower(o.name) = lower(l.organisation)
         ORDER BY o.code LIMIT 1), l.customer_id
  FROM customer_import_line l JOIN customer c ON c.id = l.customer_id
 WHERE {_SPAN} AND l.organisation IS NOT NULL
    ON CONFLICT DO NOTHING
""",  # noqa: S608 - a condition of our own
}

# What became customers is kept once; what did not is kept with its reason.
DONE = """
WITH numbers AS (DELETE FROM customer_import_number WHERE import_id = :import)
DELETE FROM customer_import_line WHERE import_id = :import AND state = 'valid'
"""
