"""What Postgres does with the lines of a file, a batch at a time. Called by import_customers alone.

What makes rows is asked with :import and a span of lines, and depends on rows only, so a batch done again after a fall
ends the same.
"""

from __future__ import annotations

from msgspec import Struct

from crm.printed_codes import CUSTOMERS, ORGANISATIONS

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
_CODELESS = f"""
  FROM customer_import_line l
 WHERE {_SPAN} AND l.code IS NULL AND NOT EXISTS (SELECT FROM customer c WHERE c.id = l.customer_id)
"""
_NEW_NAMES = f"""
  FROM (SELECT DISTINCT ON (lower(l.organisation)) l.organisation AS name, l.organisation_kind AS kind, l.line
          FROM customer_import_line l JOIN customer c ON c.id = l.customer_id
         WHERE {_SPAN} AND l.organisation IS NOT NULL ORDER BY lower(l.organisation), l.line) new
 WHERE NOT EXISTS (SELECT FROM organisation o WHERE lower(o.name) = lower(new.name))
"""  # noqa: S608 - a condition of our own
_IN_NO_LINE = """
   AND NOT EXISTS (SELECT FROM customer_import_line k WHERE k.import_id = :import AND k.code = d.code)
"""


class Numbered(Struct, frozen=True):
    """Rows that are given the next printed codes. `missing` counts those who have none yet; `give` writes as many as it
    draws free codes for, out of :draw."""

    missing: str
    give: str


WITH_CODES = f"""
INSERT INTO customer (id, code, name, company, tier, language, note)
SELECT l.customer_id, l.code, l.name, l.company, l.tier, l.language, l.note
  FROM customer_import_line l WHERE {_SPAN} AND l.code IS NOT NULL
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - a condition of our own
# Somebody took the code after the dry run.
TAKEN = f"""
UPDATE customer_import_line l SET state = 'duplicate',
       fault = format('code: %s is %s already: leave the line out, or edit that customer', l.code, c.name)
  FROM customer c WHERE {_SPAN} AND c.code = l.code AND c.id <> l.customer_id
"""  # noqa: S608 - a condition of our own
CODELESS = Numbered(
    f"SELECT count(*) {_CODELESS}",
    f"""
INSERT INTO customer (id, code, name, company, tier, language, note)
SELECT new.customer_id, free.code, new.name, new.company, new.tier, new.language, new.note
  FROM (SELECT l.*, row_number() OVER (ORDER BY l.line) AS place {_CODELESS}) AS new
  JOIN ({CUSTOMERS.drawn(_IN_NO_LINE)}) AS free ON free.place = new.place
    ON CONFLICT DO NOTHING
""",  # noqa: S608 - parts of our own
)
NEW_ORGANISATIONS = Numbered(
    f"SELECT count(*) {_NEW_NAMES}",
    f"""
INSERT INTO organisation (id, code, name, kind)
SELECT gen_random_uuid(), free.code, named.name, named.kind
  FROM (SELECT new.*, row_number() OVER (ORDER BY new.line) AS place {_NEW_NAMES}) AS named
  JOIN ({ORGANISATIONS.drawn()}) AS free ON free.place = named.place
    ON CONFLICT DO NOTHING
""",  # noqa: S608 - parts of our own
)
PHONES = f"""
INSERT INTO customer_phone (id, customer_id, raw, e164, country, validity, kind, do_not_call, do_not_call_since,
                            do_not_call_by)
SELECT gen_random_uuid(), l.customer_id, n.raw, n.e164, n.country, n.validity, n.kind, n.do_not_call,
       CASE WHEN n.do_not_call THEN clock_timestamp() END, CASE WHEN n.do_not_call THEN CAST(:by AS text) END
  FROM customer_import_line l
  JOIN customer_import_number n ON n.import_id = l.import_id AND n.line = l.line
  JOIN customer c ON c.id = l.customer_id
 WHERE {_SPAN}
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - a condition of our own
MEMBERS = f"""
INSERT INTO organisation_member (organisation_id, customer_id)
SELECT (SELECT coalesce(o.merged_into, o.id) FROM organisation o WHERE lower(o.name) = lower(l.organisation)
         ORDER BY o.code LIMIT 1), l.customer_id
  FROM customer_import_line l JOIN customer c ON c.id = l.customer_id
 WHERE {_SPAN} AND l.organisation IS NOT NULL
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - a condition of our own

# What became customers is kept once; what did not is kept with its reason.
DONE = """
WITH numbers AS (DELETE FROM customer_import_number WHERE import_id = :import)
DELETE FROM customer_import_line WHERE import_id = :import AND state = 'valid'
"""
