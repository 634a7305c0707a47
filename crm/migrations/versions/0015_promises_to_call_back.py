"""Promises to call back, and each try to keep one

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0015, after 0014
"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('callback_halt',
    sa.Column('queue', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.PrimaryKeyConstraint('queue', name=op.f('pk_callback_halt'))
    )
    op.create_table('callback',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('queue', sa.String(), nullable=False),
    sa.Column('number_e164', sa.String(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('about', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('mode', sa.String(), server_default=sa.text("'agent_first'"), nullable=False),
    sa.Column('booked_by', sa.String(), nullable=False),
    sa.Column('linkedid', sa.String(), nullable=True),
    sa.Column('asked_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('joined_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('credit_s', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('place_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('window_begin', sa.DateTime(timezone=True), nullable=False),
    sa.Column('window_end', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('zone', sa.String(), nullable=True),
    sa.Column('wish', sa.String(), nullable=True),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('state', sa.String(), server_default=sa.text("'waiting'"), nullable=False),
    sa.Column('dials', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('tries', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('outcome', sa.String(), nullable=True),
    sa.Column('not_now', sa.String(), nullable=True),
    sa.Column('not_now_why', sa.String(), nullable=True),
    sa.Column('kept', sa.Boolean(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_by', sa.String(), nullable=True),
    sa.CheckConstraint("(state IN ('waiting', 'placed')) = (closed_at IS NULL)", name=op.f('ck_callback_closed_at')),
    sa.CheckConstraint("mode IN ('agent_first', 'customer_first')", name=op.f('ck_callback_mode')),
    sa.CheckConstraint("source IN ('queue', 'menu', 'web', 'agent', 'abandoned', 'voicemail', 'api', 'cli')", name=op.f('ck_callback_source')),
    sa.CheckConstraint("state IN ('waiting', 'placed', 'reached', 'cancelled', 'given_up', 'refused', 'attached')", name=op.f('ck_callback_state')),
    sa.CheckConstraint('window_begin < window_end', name=op.f('ck_callback_window')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_callback_customer_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['owner_id'], ['agent.id'], name=op.f('fk_callback_owner_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_callback'))
    )
    op.create_index('ix_callback_asked_at', 'callback', ['asked_at'], unique=False)
    op.create_index('ix_callback_customer_id', 'callback', ['customer_id'], unique=False)
    op.create_index('ix_callback_number', 'callback', ['number_e164', 'asked_at'], unique=False)
    op.create_index('ix_callback_waiting', 'callback', ['node', 'place_at'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_index('uq_callback_open_customer', 'callback', ['queue', 'customer_id'], unique=True, postgresql_where=sa.text("state IN ('waiting', 'placed') AND customer_id IS NOT NULL"))
    op.create_index('uq_callback_open_number', 'callback', ['queue', 'number_e164'], unique=True, postgresql_where=sa.text("state IN ('waiting', 'placed')"))
    op.create_table('callback_attempt',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('callback_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('queue', sa.String(), nullable=False),
    sa.Column('fence', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(), server_default=sa.text("'agent_first'"), nullable=False),
    sa.Column('seat', sa.String(), nullable=True),
    sa.Column('claimed_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('dialled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('chose', sa.String(), nullable=True),
    sa.Column('talked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('dial_status', sa.String(), nullable=True),
    sa.Column('cause', sa.Integer(), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.String(), nullable=True),
    sa.Column('why', sa.String(), nullable=True),
    sa.CheckConstraint("kind = 'agent_first' OR seat IS NOT NULL", name=op.f('ck_callback_attempt_seat')),
    sa.CheckConstraint("kind IN ('agent_first', 'customer_first')", name=op.f('ck_callback_attempt_kind')),
    sa.CheckConstraint("outcome IN ('reached', 'later', 'cancelled', 'voicemail', 'busy', 'no_answer', 'rejected', 'failed', 'agent_left', 'not_served', 'never_left', 'refused_by_asterisk', 'lost_sight', 'attached')", name=op.f('ck_callback_attempt_outcome')),
    sa.CheckConstraint('(settled_at IS NULL) = (outcome IS NULL)', name=op.f('ck_callback_attempt_settled_at')),
    sa.ForeignKeyConstraint(['callback_id'], ['callback.id'], name=op.f('fk_callback_attempt_callback_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_callback_attempt')),
    sa.UniqueConstraint('callback_id', 'number', name=op.f('uq_callback_attempt_callback_id_number'))
    )
    op.create_index('ix_callback_attempt_unsettled', 'callback_attempt', ['node', 'claimed_at'], unique=False, postgresql_where=sa.text('settled_at IS NULL'))
    op.create_index('uq_callback_attempt_open', 'callback_attempt', ['callback_id'], unique=True, postgresql_where=sa.text('settled_at IS NULL'))
    op.create_index('uq_callback_attempt_seat', 'callback_attempt', ['node', 'seat'], unique=True, postgresql_where=sa.text("kind = 'customer_first' AND ended_at IS NULL AND settled_at IS NULL"))


def downgrade() -> None:
    op.drop_index('uq_callback_attempt_seat', table_name='callback_attempt', postgresql_where=sa.text("kind = 'customer_first' AND ended_at IS NULL AND settled_at IS NULL"))
    op.drop_index('uq_callback_attempt_open', table_name='callback_attempt', postgresql_where=sa.text('settled_at IS NULL'))
    op.drop_index('ix_callback_attempt_unsettled', table_name='callback_attempt', postgresql_where=sa.text('settled_at IS NULL'))
    op.drop_table('callback_attempt')
    op.drop_index('uq_callback_open_number', table_name='callback', postgresql_where=sa.text("state IN ('waiting', 'placed')"))
    op.drop_index('uq_callback_open_customer', table_name='callback', postgresql_where=sa.text("state IN ('waiting', 'placed') AND customer_id IS NOT NULL"))
    op.drop_index('ix_callback_waiting', table_name='callback', postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index('ix_callback_number', table_name='callback')
    op.drop_index('ix_callback_customer_id', table_name='callback')
    op.drop_index('ix_callback_asked_at', table_name='callback')
    op.drop_table('callback')
    op.drop_table('callback_halt')
