"""Who may be rung: skills and needs, number lists, and how each caller was sent into a queue

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

_KINDS_BEFORE = "kind IN ('pause', 'unpause', 'add_member', 'remove_member')"
_KINDS = "kind IN ('pause', 'unpause', 'add_member', 'remove_member', 'set_penalty', 'reload_rules', 'set_priority', 'withdraw')"


def upgrade() -> None:
    op.create_table('agent_skill',
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('skill', sa.String(), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.CheckConstraint('level BETWEEN 1 AND 5', name=op.f('ck_agent_skill_level')),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_agent_skill_agent_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('agent_id', 'skill', name=op.f('pk_agent_skill'))
    )
    op.create_table('queue_need',
    sa.Column('queue', sa.String(), nullable=False),
    sa.Column('skill', sa.String(), nullable=False),
    sa.Column('after_s', sa.Integer(), nullable=False),
    sa.Column('minimum', sa.Integer(), nullable=False),
    sa.CheckConstraint('minimum BETWEEN 0 AND 5 AND after_s >= 0', name=op.f('ck_queue_need_minimum')),
    sa.ForeignKeyConstraint(['queue'], ['queue.name'], name=op.f('fk_queue_need_queue'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('queue', 'skill', 'after_s', name=op.f('pk_queue_need'))
    )
    op.create_table('number_list',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('is_prefix', sa.Boolean(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("kind IN ('block', 'allow')", name=op.f('ck_number_list_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_number_list'))
    )
    op.create_index('uq_number_list_number', 'number_list', ['number', 'is_prefix'], unique=True)
    op.create_table('routing',
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('linkedid', sa.String(), nullable=False),
    sa.Column('queue', sa.String(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('credit_s', sa.Integer(), nullable=False),
    sa.Column('credit_reasons', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('last_seat', sa.String(), nullable=True),
    sa.Column('last_agent_id', sa.Uuid(), nullable=True),
    sa.Column('last_agent_s', sa.Integer(), nullable=False),
    sa.Column('last_agent_why', sa.String(), nullable=True),
    sa.Column('position', sa.Integer(), nullable=True),
    sa.Column('low_s', sa.Integer(), nullable=True),
    sa.Column('high_s', sa.Integer(), nullable=True),
    sa.Column('announced', sa.Boolean(), nullable=False),
    sa.Column('prediction_why', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('visit_id', name=op.f('pk_routing'))
    )
    op.create_index('ix_routing_linkedid', 'routing', ['node', 'linkedid'], unique=False)
    op.create_index('ix_routing_queue_decided_at', 'routing', ['queue', 'decided_at'], unique=False)
    op.add_column('queue', sa.Column('last_agent_s', sa.Integer(), server_default=sa.text('0'), nullable=False))
    op.add_column('queue', sa.Column('announce_wait', sa.Boolean(), server_default=sa.text('true'), nullable=False))
    op.add_column('pbx_request', sa.Column('priority', sa.Integer(), nullable=True))
    op.drop_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', type_='check')
    op.create_check_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', _KINDS, postgresql_not_valid=True)
    op.execute("ALTER TABLE pbx_request VALIDATE CONSTRAINT ck_pbx_request_kind")


def downgrade() -> None:
    op.execute("DELETE FROM pbx_request WHERE kind IN ('set_penalty', 'reload_rules', 'set_priority', 'withdraw')")
    op.drop_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', type_='check')
    op.create_check_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', _KINDS_BEFORE)
    op.drop_column('pbx_request', 'priority')
    op.drop_column('queue', 'announce_wait')
    op.drop_column('queue', 'last_agent_s')
    op.drop_index('ix_routing_queue_decided_at', table_name='routing')
    op.drop_index('ix_routing_linkedid', table_name='routing')
    op.drop_table('routing')
    op.drop_index('uq_number_list_number', table_name='number_list')
    op.drop_table('number_list')
    op.drop_table('queue_need')
    op.drop_table('agent_skill')
