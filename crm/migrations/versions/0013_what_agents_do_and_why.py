"""What agents do, and why, is kept; pauses have reasons; a seat can be taken over

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

_KINDS_BEFORE = "kind IN ('pause', 'unpause', 'add_member', 'remove_member', 'set_penalty', 'reload_rules', 'set_priority', 'withdraw')"
_KINDS = "kind IN ('pause', 'unpause', 'add_member', 'remove_member', 'set_penalty', 'reload_rules', 'set_priority', 'withdraw', 'withdraw_pause', 'end_after_call_work')"
_WORDS = "word IN ('unseen', 'offline', 'wrapping_up', 'paused', 'talking', 'ringing', 'ready')"
_CAUSES = "cause IN ('wish', 'call', 'device', 'pause', 'sight', 'time')"
_WHYS = "ended_why IN ('signed_out', 'taken_over', 'lease_over')"
_REASONS = (
    ('break', 'Short break', '小休', True, 30, 10),
    ('lunch', 'Meal', '用餐', False, 60, 20),
    ('meeting', 'Meeting', '会议', True, None, 30),
    ('training', 'Training', '培训', True, None, 40),
    ('coaching', 'Coaching', '辅导', True, None, 50),
    ('other', 'Other', '其他', True, None, 60),
)


def upgrade() -> None:
    reasons = op.create_table('pause_reason',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('title_en', sa.String(), nullable=False),
    sa.Column('title_zh', sa.String(), nullable=False),
    sa.Column('paid', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('budget_min', sa.Integer(), nullable=True),
    sa.Column('auto_end_min', sa.Integer(), nullable=True),
    sa.Column('place', sa.Integer(), server_default=sa.text('100'), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_pause_reason'))
    )
    columns = ('name', 'title_en', 'title_zh', 'paid', 'budget_min', 'place')
    op.bulk_insert(reasons, [dict(zip(columns, each, strict=True)) for each in _REASONS])
    op.create_table('after_call_extension',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('seat', sa.String(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('conversation_id', sa.Uuid(), nullable=True),
    sa.Column('extra_s', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_after_call_extension_agent_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_after_call_extension'))
    )
    op.create_index('ix_after_call_extension_seat', 'after_call_extension', ['node', 'seat', 'asked_at'], unique=False)
    op.create_table('posture_change',
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('seat', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('word', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('next_reason', sa.String(), nullable=True),
    sa.Column('conversation_id', sa.Uuid(), nullable=True),
    sa.Column('agent_id', sa.Uuid(), nullable=True),
    sa.Column('cause', sa.String(), nullable=False),
    sa.Column('actor', sa.String(), nullable=False),
    sa.Column('event', sa.String(), nullable=False),
    sa.CheckConstraint(_CAUSES, name=op.f('ck_posture_change_cause')),
    sa.CheckConstraint(_WORDS, name=op.f('ck_posture_change_word')),
    sa.PrimaryKeyConstraint('node', 'seat', 'at', 'word', name=op.f('pk_posture_change'))
    )
    op.create_index('ix_posture_change_agent', 'posture_change', ['agent_id', 'at'], unique=False)
    op.create_index('ix_posture_change_at', 'posture_change', ['at'], unique=False)
    op.add_column('posture', sa.Column('next_reason', sa.String(), nullable=True))
    op.add_column('queue', sa.Column('acw_limit_s', sa.Integer(), nullable=True))
    op.add_column('seat_session', sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('seat_session', sa.Column('leaving_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('seat_session', sa.Column('ended_by', sa.String(), nullable=True))
    op.add_column('seat_session', sa.Column('ended_why', sa.String(), nullable=True))
    op.create_check_constraint(op.f('ck_seat_session_ended_why'), 'seat_session', _WHYS)
    op.drop_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', type_='check')
    op.create_check_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', _KINDS, postgresql_not_valid=True)
    op.execute("ALTER TABLE pbx_request VALIDATE CONSTRAINT ck_pbx_request_kind")


def downgrade() -> None:
    op.execute("DELETE FROM pbx_request WHERE kind IN ('withdraw_pause', 'end_after_call_work')")
    op.drop_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', type_='check')
    op.create_check_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', _KINDS_BEFORE)
    op.drop_constraint(op.f('ck_seat_session_ended_why'), 'seat_session', type_='check')
    op.drop_column('seat_session', 'ended_why')
    op.drop_column('seat_session', 'ended_by')
    op.drop_column('seat_session', 'leaving_at')
    op.drop_column('seat_session', 'seen_at')
    op.drop_column('queue', 'acw_limit_s')
    op.drop_column('posture', 'next_reason')
    op.drop_table('posture_change')
    op.drop_table('after_call_extension')
    op.drop_table('pause_reason')
