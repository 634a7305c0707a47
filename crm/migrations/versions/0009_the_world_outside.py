"""The world outside: announcements, webhooks, tokens of programs, and jobs

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

procrastinate's tables stand in a schema of their own, as the release that setup.cfg pins makes them: whoever moves the
pin writes a migration that runs that library's own steps.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None
SCHEMA = 'procrastinate'


def upgrade() -> None:
    from crm.jobs import schema_sql  # slow to import, and the doctor reads this file

    op.create_table('announcement',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=True),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('source_id', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_announcement')),
    sa.UniqueConstraint('kind', 'source_id', name=op.f('uq_announcement_kind_source_id')),
    sa.UniqueConstraint('number', name=op.f('uq_announcement_number'))
    )
    op.create_index('ix_announcement_at', 'announcement', ['at'], unique=False)
    op.create_index('ix_announcement_unnumbered', 'announcement', ['id'], unique=False, postgresql_where=sa.text('number IS NULL'))
    op.create_table('conversation_watch',
    sa.Column('conversation_id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('conversation_id', name=op.f('pk_conversation_watch'))
    )
    op.create_table('webhook',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('url', sa.String(), nullable=False),
    sa.Column('secret', sa.String(), nullable=False),
    sa.Column('kinds', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('failures', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('pause_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook')),
    sa.UniqueConstraint('name', name=op.f('uq_webhook_name'))
    )
    op.create_table('webhook_delivery',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('webhook_id', sa.Uuid(), nullable=False),
    sa.Column('announcement_id', sa.BigInteger(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('state', sa.String(), server_default=sa.text("'waiting'"), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('first_tried_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_status', sa.Integer(), nullable=True),
    sa.Column('last_fault', sa.String(), nullable=True),
    sa.Column('replayed', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.CheckConstraint("state IN ('waiting', 'delivered', 'dead')", name=op.f('ck_webhook_delivery_state')),
    sa.ForeignKeyConstraint(['announcement_id'], ['announcement.id'], name=op.f('fk_webhook_delivery_announcement_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['webhook_id'], ['webhook.id'], name=op.f('fk_webhook_delivery_webhook_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_delivery')),
    sa.UniqueConstraint('webhook_id', 'announcement_id', name=op.f('uq_webhook_delivery_webhook_id_announcement_id'))
    )
    op.create_index('ix_webhook_delivery_announcement_id', 'webhook_delivery', ['announcement_id'], unique=False)
    op.create_index('ix_webhook_delivery_dead', 'webhook_delivery', ['webhook_id', 'number'], unique=False, postgresql_where=sa.text("state = 'dead'"))
    op.create_index('ix_webhook_delivery_due', 'webhook_delivery', ['webhook_id', 'next_at'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_index('ix_webhook_delivery_order', 'webhook_delivery', ['webhook_id', 'key', 'number'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_table('api_token',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('scopes', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('a_minute', sa.Integer(), server_default=sa.text('600'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_by', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
    sa.UniqueConstraint('name', name=op.f('uq_api_token_name')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_token_token_hash'))
    )
    op.create_table('idempotency_key',
    sa.Column('token_id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('request_hash', sa.LargeBinary(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('headers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['token_id'], ['api_token.id'], name=op.f('fk_idempotency_key_token_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_id', 'key', name=op.f('pk_idempotency_key'))
    )
    op.create_index('ix_idempotency_key_at', 'idempotency_key', ['at'], unique=False)
    # Which pops a call had: the worker asks it for each call that goes on.
    op.create_index('ix_pop_conversation_id', 'pop', ['conversation_id'], unique=False)
    op.execute(f'CREATE SCHEMA {SCHEMA}')
    op.execute(f'SET LOCAL search_path TO {SCHEMA}, public')
    op.get_bind().exec_driver_sql(schema_sql(), execution_options={'no_parameters': True})
    op.execute('SET LOCAL search_path TO public')


def downgrade() -> None:
    op.execute(f'DROP SCHEMA {SCHEMA} CASCADE')
    op.drop_index('ix_pop_conversation_id', table_name='pop')
    for table in ('idempotency_key', 'api_token', 'webhook_delivery', 'webhook', 'conversation_watch', 'announcement'):
        op.drop_table(table)
