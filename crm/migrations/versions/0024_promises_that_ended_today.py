"""What became of promises today is found by when they ended

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0024, after 0023
"""

from alembic import op

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not CONCURRENTLY: that waits for whoever waits for this upgrade; and some ten thousand rows are quickly read.
    op.create_index('ix_callback_closed_at', 'callback', ['closed_at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_callback_closed_at', table_name='callback')
