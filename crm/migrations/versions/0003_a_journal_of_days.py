"""A journal of days: one partition a day, so that old days are dropped whole

Partitions live in a schema of their own. `journal_days.undated` takes what no day has been made for; crm/journal.py makes
days ahead, moves what stands there, and drops the days that are over. Existing blocks are moved; bridges wait meanwhile.

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0003, after 0002
"""

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

_COLUMNS = """
    node VARCHAR NOT NULL, fence INTEGER NOT NULL, number INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL, last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    messages INTEGER NOT NULL, unreadable INTEGER NOT NULL, linkedids TEXT[] NOT NULL, block BYTEA NOT NULL
"""
_EACH_DAY = """
DO $$
DECLARE
    day date;
BEGIN
    FOR day IN SELECT DISTINCT (first_at AT TIME ZONE 'UTC')::date FROM journal_days.before LOOP
        EXECUTE format('CREATE TABLE journal_days.%I PARTITION OF journal FOR VALUES FROM (%L) TO (%L)',
                       to_char(day, '"d"YYYYMMDD'), day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS journal_days")
    # Out of the way with all that has a name; constraints keep theirs, so the new table can have the same.
    op.execute("ALTER TABLE journal SET SCHEMA journal_days")
    op.execute("ALTER TABLE journal_days.journal RENAME TO before")
    op.execute(
        f"CREATE TABLE journal ({_COLUMNS}, CONSTRAINT pk_journal PRIMARY KEY (node, fence, number, first_at)) "
        "PARTITION BY RANGE (first_at)"
    )
    op.execute("CREATE INDEX ix_journal_first_at ON journal (node, first_at)")
    op.execute("CREATE TABLE journal_days.undated PARTITION OF journal DEFAULT")
    op.execute(_EACH_DAY)
    op.execute("INSERT INTO journal SELECT node, fence, number, first_at, last_at, messages, unreadable, linkedids, block FROM journal_days.before")
    op.execute("DROP TABLE journal_days.before")


def downgrade() -> None:
    op.execute(f"CREATE TABLE journal_before ({_COLUMNS}, CONSTRAINT pk_journal_before PRIMARY KEY (node, fence, number))")
    op.execute("INSERT INTO journal_before SELECT * FROM journal ON CONFLICT DO NOTHING")
    op.execute("DROP TABLE journal")
    op.execute("DROP SCHEMA journal_days")
    op.execute("ALTER TABLE journal_before RENAME TO journal")
    op.execute("ALTER TABLE journal RENAME CONSTRAINT pk_journal_before TO pk_journal")
    op.execute("CREATE INDEX ix_journal_first_at ON journal (node, first_at)")
