"""What waits for a subscriber is read in order, however much it is

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_webhook_delivery_waiting', 'webhook_delivery', ['webhook_id', 'number'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index('ix_webhook_delivery_due', table_name='webhook_delivery', postgresql_where=sa.text("state = 'waiting'"))


def downgrade() -> None:
    op.create_index('ix_webhook_delivery_due', 'webhook_delivery', ['webhook_id', 'next_at'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index('ix_webhook_delivery_waiting', table_name='webhook_delivery', postgresql_where=sa.text("state = 'waiting'"))
