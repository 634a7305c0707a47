"""Messages that callers left, and hours that are unlike the others

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('voicemail',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('conversation_id', sa.Uuid(), nullable=False),
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('linkedid', sa.String(), nullable=False),
    sa.Column('box', sa.String(), nullable=True),
    sa.Column('file', sa.String(), nullable=False),
    sa.Column('left_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reconstructed', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_voicemail'))
    )
    op.create_index('ix_voicemail_conversation_id', 'voicemail', ['conversation_id'], unique=False)
    op.create_index('ix_voicemail_left_at', 'voicemail', ['left_at'], unique=False)
    op.create_table('voicemail_work',
    sa.Column('voicemail_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(), server_default=sa.text("'new'"), nullable=False),
    sa.Column('duration_s', sa.Float(), nullable=True),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_by', sa.Uuid(), nullable=True),
    sa.Column('note', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.CheckConstraint("state IN ('new', 'taken', 'done')", name=op.f('ck_voicemail_work_state')),
    sa.ForeignKeyConstraint(['done_by'], ['agent.id'], name=op.f('fk_voicemail_work_done_by'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['owner_id'], ['agent.id'], name=op.f('fk_voicemail_work_owner_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['voicemail_id'], ['voicemail.id'], name=op.f('fk_voicemail_work_voicemail_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('voicemail_id', name=op.f('pk_voicemail_work'))
    )
    op.create_index('ix_voicemail_work_owner', 'voicemail_work', ['owner_id'], unique=False, postgresql_where=sa.text("state = 'taken'"))
    op.create_table('special_day',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('queue', sa.String(), nullable=False),
    sa.Column('spans', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('added_by', sa.String(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('day', 'queue', name=op.f('pk_special_day'))
    )
    op.create_table('queue_notice',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('queue', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('prompt', sa.String(), nullable=True),
    sa.Column('reason', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('said_by', sa.String(), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', sa.String(), nullable=True),
    sa.CheckConstraint("kind IN ('closed', 'announcement')", name=op.f('ck_queue_notice_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_queue_notice'))
    )
    op.create_index('uq_queue_notice_open', 'queue_notice', ['queue', 'kind'], unique=True, postgresql_where=sa.text('ended_at IS NULL'))
    op.add_column('visit', sa.Column('closed_why', sa.String(), nullable=True))
    # Not CONCURRENTLY: that waits for whoever waits for our turn. Visits are written behind the callers' backs, and again.
    op.create_index('ix_visit_started_at', 'visit', ['started_at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_visit_started_at', table_name='visit')
    op.drop_column('visit', 'closed_why')
    op.drop_index('uq_queue_notice_open', table_name='queue_notice', postgresql_where=sa.text('ended_at IS NULL'))
    op.drop_table('queue_notice')
    op.drop_table('special_day')
    op.drop_index('ix_voicemail_work_owner', table_name='voicemail_work', postgresql_where=sa.text("state = 'taken'"))
    op.drop_table('voicemail_work')
    op.drop_index('ix_voicemail_left_at', table_name='voicemail')
    op.drop_index('ix_voicemail_conversation_id', table_name='voicemail')
    op.drop_table('voicemail')
