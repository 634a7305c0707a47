"""Outcomes are rows, and an agent's day has follow-ups, messages and targets

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0016, after 0015
"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

# code, English, 中文, tone, and what it says of the case when nothing else is said
OUTCOMES = (
    ('solved', 'Solved', '已解决', 'good', 'none:answered_at_once'),
    ('follow_up', 'Follow-up needed', '需跟进', 'warm', 'new:enquiry'),
    ('callback', 'Call back', '需回电', 'cool', 'new:enquiry'),
    ('complaint', 'Complaint', '投诉', 'bad', 'new:complaint'),
    ('wrong_number', 'Wrong number', '打错电话', '', 'none:wrong_number'),
    ('other', 'Other', '其他', '', ''),
)
# figure, green from, red from
TARGETS = (
    ('calls', 40, 20),
    ('occupancy', 0.75, 0.5),
    ('acw', 60, 120),
    ('missed', 1, 4),
    ('outcome_share', 0.95, 0.8),
)


def upgrade() -> None:
    outcome = op.create_table('outcome',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('title_en', sa.String(), nullable=False),
    sa.Column('title_zh', sa.String(), nullable=False),
    sa.Column('place', sa.Integer(), server_default=sa.text('100'), nullable=False),
    sa.Column('tone', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('settles', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.CheckConstraint("tone IN ('', 'good', 'warm', 'cool', 'bad')", name=op.f('ck_outcome_tone')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_outcome'))
    )
    op.create_table('queue_outcome',
    sa.Column('queue', sa.String(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['code'], ['outcome.code'], name=op.f('fk_queue_outcome_code'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['queue'], ['queue.name'], name=op.f('fk_queue_outcome_queue'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('queue', 'code', name=op.f('pk_queue_outcome'))
    )
    op.create_table('outcome_demand',
    sa.Column('queue', sa.String(), nullable=False),
    sa.Column('after_s', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['queue'], ['queue.name'], name=op.f('fk_outcome_demand_queue'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('queue', name=op.f('pk_outcome_demand'))
    )
    op.create_table('follow_up',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('conversation_id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('due_on', sa.Date(), nullable=False),
    sa.Column('about', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_follow_up_agent_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_follow_up_customer_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_follow_up')),
    sa.UniqueConstraint('agent_id', 'conversation_id', name=op.f('uq_follow_up_agent_id_conversation_id'))
    )
    op.create_index('ix_follow_up_conversation_id', 'follow_up', ['conversation_id'], unique=False)
    op.create_index('ix_follow_up_open', 'follow_up', ['agent_id', 'due_on'], unique=False, postgresql_where=sa.text('done_at IS NULL'))
    op.create_table('desk_message',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=True),
    sa.Column('queue', sa.String(), nullable=True),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('until_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_desk_message_agent_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['queue'], ['queue.name'], name=op.f('fk_desk_message_queue'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_desk_message'))
    )
    op.create_index('ix_desk_message_sent_at', 'desk_message', ['sent_at'], unique=False)
    op.create_table('desk_message_read',
    sa.Column('message_id', sa.Uuid(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_desk_message_read_agent_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['message_id'], ['desk_message.id'], name=op.f('fk_desk_message_read_message_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('message_id', 'agent_id', name=op.f('pk_desk_message_read'))
    )
    figure_target = op.create_table('figure_target',
    sa.Column('figure', sa.String(), nullable=False),
    sa.Column('green', sa.Double(), nullable=False),
    sa.Column('red', sa.Double(), nullable=False),
    sa.Column('changed_by', sa.String(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('figure', name=op.f('pk_figure_target'))
    )
    # Which words an outcome may be is said by the rows of `outcome` from here on.
    op.drop_constraint(op.f('ck_wrap_up_outcome'), 'wrap_up', type_='check')
    op.bulk_insert(outcome, [
        {'code': code, 'title_en': en, 'title_zh': zh, 'place': 10 * place, 'tone': tone, 'settles': settles, 'active': True}
        for place, (code, en, zh, tone, settles) in enumerate(OUTCOMES, 1)
    ])
    op.bulk_insert(figure_target, [
        {'figure': figure, 'green': green, 'red': red, 'changed_by': 'kefu'} for figure, green, red in TARGETS
    ])


def downgrade() -> None:
    words = ', '.join(f"'{code}'" for code, *_ in OUTCOMES)
    op.execute(f"UPDATE wrap_up SET outcome = 'other' WHERE outcome NOT IN ({words})")
    op.create_check_constraint(op.f('ck_wrap_up_outcome'), 'wrap_up', f'outcome IN ({words})')
    op.drop_table('figure_target')
    op.drop_table('desk_message_read')
    op.drop_table('desk_message')
    op.drop_table('follow_up')
    op.drop_table('outcome_demand')
    op.drop_table('queue_outcome')
    op.drop_table('outcome')
