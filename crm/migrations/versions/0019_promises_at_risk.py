"""A promise to call back that will hardly be kept is marked, so that supervisors are told once

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0019, after 0018
"""

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('callback', sa.Column('at_risk_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('callback', sa.Column('at_risk_why', sa.String(), nullable=True))
    op.create_check_constraint(op.f('ck_callback_at_risk_why'), 'callback', "at_risk_why IN ('window', 'forecast')")


def downgrade() -> None:
    op.drop_column('callback', 'at_risk_why')
    op.drop_column('callback', 'at_risk_since')
