"""What customers are worth, what other systems say of them, notes and the knowledge base

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0010, after 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')
    op.create_table('feed_file',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('state', sa.String(), server_default=sa.text("'reading'"), nullable=False),
    sa.Column('rows_done', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('added', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('changed', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('same', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('faulty', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('faults', postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('orders', 'facts')", name=op.f('ck_feed_file_kind')),
    sa.CheckConstraint("state IN ('reading', 'done', 'refused')", name=op.f('ck_feed_file_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_feed_file')),
    sa.UniqueConstraint('digest', name=op.f('uq_feed_file_digest'))
    )
    op.create_table('value_figure',
    sa.Column('n', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('orders_ever', sa.Integer(), nullable=False),
    sa.Column('orders', sa.Integer(), nullable=False),
    sa.Column('amount', sa.Numeric(precision=16, scale=2), nullable=False),
    sa.PrimaryKeyConstraint('n', name=op.f('pk_value_figure')),
    prefixes=['UNLOGGED']
    )
    op.create_table('value_rule',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('value', sa.Numeric(precision=14, scale=4), nullable=False),
    sa.Column('changed_by', sa.String(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_value_rule'))
    )
    op.create_table('value_run',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('state', sa.String(), server_default=sa.text("'running'"), nullable=False),
    sa.Column('as_of', sa.DateTime(timezone=True), nullable=False),
    sa.Column('rules', postgresql.JSONB(), nullable=False),
    sa.Column('bounds', postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('customers', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('moved', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('left_out', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.CheckConstraint("state IN ('running', 'done', 'failed')", name=op.f('ck_value_run_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_value_run'))
    )
    op.create_index('ix_value_run_began_at', 'value_run', ['began_at'], unique=False)
    op.create_table('article',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), sa.Identity(always=False, start=1), nullable=False),
    sa.Column('matter', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('queue', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('state', sa.String(), server_default=sa.text("'draft'"), nullable=False),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.Column('author_id', sa.Uuid(), nullable=True),
    sa.Column('terms', postgresql.TSVECTOR(), server_default=sa.text("''"), nullable=False),
    sa.Column('titles', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("state IN ('draft', 'published', 'retired')", name=op.f('ck_article_state')),
    sa.ForeignKeyConstraint(['author_id'], ['agent.id'], name=op.f('fk_article_author_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_article')),
    sa.UniqueConstraint('number', name=op.f('uq_article_number'))
    )
    op.create_index('ix_article_queue', 'article', ['queue', 'matter'], unique=False)
    op.create_index('ix_article_terms', 'article', ['terms'], unique=False, postgresql_using='gin')
    op.create_table('customer_fact',
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('value', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('as_of', sa.DateTime(timezone=True), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('learnt_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_customer_fact_customer_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('customer_id', 'name', name=op.f('pk_customer_fact'))
    )
    op.create_table('customer_note',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('conversation_id', sa.Uuid(), nullable=True),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_customer_note_customer_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_note'))
    )
    op.create_index('ix_customer_note_customer_id', 'customer_note', ['customer_id', 'at'], unique=False)
    op.create_table('customer_value',
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('orders_ever', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('orders', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('amount', sa.Numeric(precision=16, scale=2), server_default=sa.text('0'), nullable=False),
    sa.Column('recency', sa.Integer(), nullable=True),
    sa.Column('frequency', sa.Integer(), nullable=True),
    sa.Column('money', sa.Integer(), nullable=True),
    sa.Column('score', sa.Double(), nullable=True),
    sa.Column('segment', sa.String(), nullable=True),
    sa.Column('standing', sa.String(), nullable=True),
    sa.Column('applied', sa.String(), nullable=True),
    sa.Column('held_by', sa.String(), nullable=True),
    sa.Column('held_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('held_why', sa.String(), nullable=True),
    sa.Column('run_id', sa.Uuid(), nullable=True),
    sa.Column('ranked_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("segment IN ('key', 'main', 'ordinary', 'small')", name=op.f('ck_customer_value_segment')),
    sa.CheckConstraint("standing IN ('active', 'at_risk', 'lapsed')", name=op.f('ck_customer_value_standing')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_customer_value_customer_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_customer_value'))
    )
    op.create_index('ix_customer_value_standing', 'customer_value', ['standing', 'amount'], unique=False, postgresql_where=sa.text("standing <> 'active'"))
    op.create_table('tier_change',
    sa.Column('id', sa.Uuid(), server_default=sa.text('gen_random_uuid()'), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('from_tier', sa.String(), nullable=True),
    sa.Column('to_tier', sa.String(), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('why', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_tier_change_customer_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tier_change'))
    )
    op.create_index('ix_tier_change_customer_id', 'tier_change', ['customer_id', 'at'], unique=False)
    op.create_table('article_feedback',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('article_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=True),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('answer', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('answered_by', sa.String(), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_article_feedback_agent_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['article_id'], ['article.id'], name=op.f('fk_article_feedback_article_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_article_feedback'))
    )
    op.create_index('ix_article_feedback_open', 'article_feedback', ['article_id'], unique=False, postgresql_where=sa.text('answered_at IS NULL'))
    op.create_table('article_use',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('article_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Uuid(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('what', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.CheckConstraint("what IN ('opened', 'used')", name=op.f('ck_article_use_what')),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_article_use_agent_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['article_id'], ['article.id'], name=op.f('fk_article_use_article_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_article_use'))
    )
    op.create_index('ix_article_use_article_id', 'article_use', ['article_id', 'at'], unique=False)
    op.create_index('uq_article_use_once', 'article_use', ['conversation_id', 'article_id', 'agent_id', 'what'], unique=True)
    op.create_table('article_version',
    sa.Column('article_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('title_en', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('body_en', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('title_zh', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('body_zh', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['article_id'], ['article.id'], name=op.f('fk_article_version_article_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('article_id', 'version', name=op.f('pk_article_version'))
    )
    op.add_column('customer_order', sa.Column('source', sa.String(), server_default=sa.text("''"), nullable=False))
    op.add_column('customer_order', sa.Column('changed_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('customer_order', sa.Column('learnt_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False))
    # Not CONCURRENTLY, as in the migration of messages and hours: what the bridge writes meanwhile waits in its memory.
    op.create_index('ix_caller_facts_customer_id', 'caller_facts', ['customer_id', 'learnt_at'], unique=False)
    op.create_index('ix_conversation_called', 'conversation', ['dialled', 'started_at'], unique=False, postgresql_where=sa.text("direction = 'outbound'"))


def downgrade() -> None:
    op.drop_index('ix_conversation_called', table_name='conversation', postgresql_where=sa.text("direction = 'outbound'"))
    op.drop_index('ix_caller_facts_customer_id', table_name='caller_facts')
    op.drop_column('customer_order', 'learnt_at')
    op.drop_column('customer_order', 'changed_at')
    op.drop_column('customer_order', 'source')
    op.drop_table('article_version')
    op.drop_index('uq_article_use_once', table_name='article_use')
    op.drop_index('ix_article_use_article_id', table_name='article_use')
    op.drop_table('article_use')
    op.drop_index('ix_article_feedback_open', table_name='article_feedback', postgresql_where=sa.text('answered_at IS NULL'))
    op.drop_table('article_feedback')
    op.drop_index('ix_tier_change_customer_id', table_name='tier_change')
    op.drop_table('tier_change')
    op.drop_index('ix_customer_value_standing', table_name='customer_value', postgresql_where=sa.text("standing <> 'active'"))
    op.drop_table('customer_value')
    op.drop_index('ix_customer_note_customer_id', table_name='customer_note')
    op.drop_table('customer_note')
    op.drop_table('customer_fact')
    op.drop_index('ix_article_terms', table_name='article', postgresql_using='gin')
    op.drop_index('ix_article_queue', table_name='article')
    op.drop_table('article')
    op.drop_index('ix_value_run_began_at', table_name='value_run')
    op.drop_table('value_run')
    op.drop_table('value_rule')
    op.drop_table('value_figure')
    op.drop_table('feed_file')
