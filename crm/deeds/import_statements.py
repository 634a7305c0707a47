"""What Postgres does with the lines of a file, a batch at a time. Called by import_customers alone.

CLASSIFY and APPLY are asked with :import and a span of lines; whatever they find out depends on rows only, so a batch
done again after a fall ends the same.
"""

from __future__ import annotations

from collections.abc import Mapping

# The one who is there already: with the same code; or, for a line without one, with the same name at the same number.
_TAKEN_CODE = """
UPDATE customer_import_line l SET state = 'duplicate', fault = 'code: ' || l.code || ' is ' || c.name || ' already: '
       || 'leave the line out, or edit that customer'
  FROM customer c
 WHERE l.import_id = :import AND l.line BETWEEN :first AND :last AND l.state = 'valid' AND c.code = l.code
"""
_SAME_PERSON = """
UPDATE customer_import_line l SET state = 'duplicate', fault = same.fault
  FROM (SELECT DISTINCT ON (n.line) n.line,
               'phone: ' || n.raw || ' is of ' || c.name || ' (' || c.code || ') already: '
               || 'leave the line out, or edit that customer' AS fault
          FROM customer_import_number n
          JOIN customer_phone p ON p.e164 = n.e164
          JOIN customer c ON c.id = p.customer_id AND c.merged_into IS NULL
          JOIN customer_import_line m ON m.import_id = n.import_id AND m.line = n.line
         WHERE n.import_id = :import AND n.line BETWEEN :first AND :last AND m.code IS NULL
           AND lower(m.name) = lower(c.name)) same
 WHERE l.import_id = :import AND l.line = same.line AND l.state = 'valid'
"""
_CODE_ABOVE = """
UPDATE customer_import_line l SET state = 'duplicate',
       fault = 'code: ' || l.code || ' stands in line ' || above.line || ', too: leave one of them out'
  FROM customer_import_line above
 WHERE l.import_id = :import AND l.line BETWEEN :first AND :last AND l.state = 'valid' AND l.code IS NOT NULL
   AND above.import_id = :import AND above.code = l.code AND above.line < l.line AND above.state <> 'invalid'
"""
_PERSON_ABOVE = """
UPDATE customer_import_line l SET state = 'duplicate', fault = same.fault
  FROM (SELECT DISTINCT ON (n.line) n.line,
               'phone: ' || n.raw || ' stands in line ' || m.line || ' with this name, too: '
               || 'leave one of them out' AS fault
          FROM customer_import_number n
          JOIN customer_import_number o ON o.import_id = n.import_id AND o.e164 = n.e164 AND o.line < n.line
          JOIN customer_import_line m ON m.import_id = o.import_id AND m.line = o.line
          JOIN customer_import_line l ON l.import_id = n.import_id AND l.line = n.line
         WHERE n.import_id = :import AND n.line BETWEEN :first AND :last AND l.code IS NULL
           AND lower(m.name) = lower(l.name)) same
 WHERE l.import_id = :import AND l.line = same.line AND l.state = 'valid'
"""
# A telephone that is not to be called for one is not called for another.
_SILENT = """
UPDATE customer_import_number n SET do_not_call = true
 WHERE n.import_id = :import AND n.line BETWEEN :first AND :last AND NOT n.do_not_call
   AND (EXISTS (SELECT FROM customer_phone p WHERE p.e164 = n.e164 AND p.do_not_call)
        OR EXISTS (SELECT FROM organisation_phone p WHERE p.e164 = n.e164 AND p.do_not_call))
"""
CLASSIFY = (_TAKEN_CODE, _SAME_PERSON, _CODE_ABOVE, _PERSON_ABOVE, _SILENT)

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
SELECT (SELECT o.id FROM organisation o WHERE lower(o.name) = lower(l.organisation)
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
