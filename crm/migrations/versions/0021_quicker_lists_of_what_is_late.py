"""Cases that are over their time are found by their clocks, and tiers move within their page

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0021, after 0020
"""

import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not CONCURRENTLY, as in the migration of messages and hours. What a case does meanwhile waits a second or two.
    op.create_index('ix_case_clock_running', 'case_clock', ['due_at'], unique=False, postgresql_where=sa.text('running_since IS NOT NULL'))
    op.create_index('ix_case_clock_breached', 'case_clock', ['case_id'], unique=False, postgresql_where=sa.text('breached_at IS NOT NULL'))
    # Room in each page from now on: a customer's new tier then touches none of their indexes.
    op.execute('ALTER TABLE customer SET (fillfactor = 90)')


def downgrade() -> None:
    op.execute('ALTER TABLE customer RESET (fillfactor)')
    op.drop_index('ix_case_clock_breached', table_name='case_clock')
    op.drop_index('ix_case_clock_running', table_name='case_clock')
