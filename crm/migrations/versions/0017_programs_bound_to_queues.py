"""Programs and subscribers that are shown what some queues have seen alone

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0017, after 0016
"""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

QUEUES = sa.ARRAY(sa.Text())


def upgrade() -> None:
    for table in ('api_token', 'webhook', 'announcement'):
        op.add_column(table, sa.Column('queues', QUEUES, nullable=True))


def downgrade() -> None:
    for table in ('announcement', 'webhook', 'api_token'):
        op.drop_column(table, 'queues')
