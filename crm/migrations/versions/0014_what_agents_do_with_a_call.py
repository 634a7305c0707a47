"""What agents do with a call from their page: hang up, keys, transfers, dialling; the note for the next, a raised hand

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0014, after 0013
"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

_BEFORE = "'pause', 'unpause', 'add_member', 'remove_member', 'set_penalty', 'reload_rules', 'set_priority', 'withdraw', 'withdraw_pause', 'end_after_call_work'"
_NEW = "'hang_up', 'send_keys', 'mute', 'unmute', 'transfer', 'consult', 'consult_end', 'park', 'dial'"


def upgrade() -> None:
    op.create_table('handover_note',
    sa.Column('conversation_id', sa.Uuid(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_handover_note_agent_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversation.id'], name=op.f('fk_handover_note_conversation_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('conversation_id', 'agent_id', name=op.f('pk_handover_note'))
    )
    op.create_table('raised_hand',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('seat', sa.String(), nullable=False),
    sa.Column('conversation_id', sa.Uuid(), nullable=True),
    sa.Column('about', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('raised_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('seen_by', sa.String(), nullable=True),
    sa.Column('lowered_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_raised_hand_agent_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversation.id'], name=op.f('fk_raised_hand_conversation_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_raised_hand'))
    )
    op.create_index('uq_raised_hand_open', 'raised_hand', ['agent_id'], unique=True, postgresql_where=sa.text('lowered_at IS NULL'))
    op.create_index('ix_raised_hand_conversation_id', 'raised_hand', ['conversation_id'], unique=False)
    op.add_column('pbx_request', sa.Column('target', sa.String(), nullable=True))
    op.drop_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', type_='check')
    op.create_check_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', f"kind IN ({_BEFORE}, {_NEW})", postgresql_not_valid=True)
    op.execute("ALTER TABLE pbx_request VALIDATE CONSTRAINT ck_pbx_request_kind")


def downgrade() -> None:
    op.execute(f"DELETE FROM pbx_request WHERE kind IN ({_NEW})")
    op.drop_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', type_='check')
    op.create_check_constraint(op.f('ck_pbx_request_kind'), 'pbx_request', f"kind IN ({_BEFORE})")
    op.drop_column('pbx_request', 'target')
    op.drop_table('raised_hand')
    op.drop_table('handover_note')
