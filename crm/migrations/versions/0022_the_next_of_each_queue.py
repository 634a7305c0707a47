"""The next promise of each queue is found in its order, and those of an agent who sits

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0022, after 0021
"""

import sqlalchemy as sa
from alembic import op

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not CONCURRENTLY: promises that wait are few, and what books one meanwhile waits a moment.
    op.drop_index('ix_callback_waiting', table_name='callback', postgresql_where=sa.text("state = 'waiting'"))
    op.create_index('ix_callback_waiting', 'callback', ['node', 'queue', 'place_at', 'id'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_index('ix_callback_owned', 'callback', ['owner_id'], unique=False, postgresql_where=sa.text("state = 'waiting' AND owner_id IS NOT NULL"))


def downgrade() -> None:
    op.drop_index('ix_callback_owned', table_name='callback', postgresql_where=sa.text("state = 'waiting' AND owner_id IS NOT NULL"))
    op.drop_index('ix_callback_waiting', table_name='callback', postgresql_where=sa.text("state = 'waiting'"))
    op.create_index('ix_callback_waiting', 'callback', ['node', 'place_at'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
