"""Promised callbacks may be dialled customer first: by queue, with a seat kept free until the customer stands in it

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0018, after 0017
"""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

WAS = "kind = 'customer_first' AND ended_at IS NULL AND settled_at IS NULL"
IS = "kind = 'customer_first' AND queued_at IS NULL AND ended_at IS NULL AND settled_at IS NULL"


def upgrade() -> None:
    op.add_column('queue', sa.Column('callback_dialling', sa.String(), server_default=sa.text("'agent_first'"), nullable=False))
    op.create_check_constraint(op.f('ck_queue_callback_dialling'), 'queue', "callback_dialling IN ('agent_first', 'customer_first')")
    op.add_column('callback_attempt', sa.Column('queued_at', sa.DateTime(timezone=True), nullable=True))
    # No customer was dialled first before: the index is empty.
    op.drop_index('uq_callback_attempt_seat', table_name='callback_attempt', postgresql_where=sa.text(WAS))
    op.create_index('uq_callback_attempt_seat', 'callback_attempt', ['node', 'seat'], unique=True, postgresql_where=sa.text(IS))


def downgrade() -> None:
    op.drop_index('uq_callback_attempt_seat', table_name='callback_attempt', postgresql_where=sa.text(IS))
    op.create_index('uq_callback_attempt_seat', 'callback_attempt', ['node', 'seat'], unique=True, postgresql_where=sa.text(WAS))
    op.drop_column('callback_attempt', 'queued_at')
    op.drop_column('queue', 'callback_dialling')
