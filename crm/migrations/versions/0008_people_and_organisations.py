"""People and organisations, who was merged, whom agents picked, what was imported

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for counted in ('customer_code', 'organisation_code'):
        op.execute(sa.schema.CreateSequence(sa.Sequence(counted)))
    op.create_table('customer_change',
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('changes', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_customer_change_customer_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('customer_id', 'version', name=op.f('pk_customer_change'))
    )
    op.create_table('caller_pick',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('conversation_id', sa.Uuid(), nullable=True),
    sa.Column('number_e164', sa.String(), nullable=True),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('picked_by', sa.String(), nullable=False),
    sa.Column('picked_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversation.id'], name=op.f('fk_caller_pick_conversation_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_caller_pick_customer_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_caller_pick')),
    sa.UniqueConstraint('conversation_id', name=op.f('uq_caller_pick_conversation_id'))
    )
    op.create_index('ix_caller_pick_customer_id', 'caller_pick', ['customer_id'], unique=False)
    op.create_index('ix_caller_pick_number', 'caller_pick', ['number_e164', 'picked_at'], unique=False)
    op.create_table('customer_merge',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kept_id', sa.Uuid(), nullable=False),
    sa.Column('merged_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('moved', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('filled', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('undone_by', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['kept_id'], ['customer.id'], name=op.f('fk_customer_merge_kept_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['merged_id'], ['customer.id'], name=op.f('fk_customer_merge_merged_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_merge'))
    )
    op.create_index('ix_customer_merge_kept_id', 'customer_merge', ['kept_id'], unique=False)
    op.create_index('uq_customer_merge_standing', 'customer_merge', ['merged_id'], unique=True, postgresql_where=sa.text('undone_at IS NULL'))
    op.create_table('organisation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('note', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.CheckConstraint("kind IN ('household', 'company', 'dealer', 'distributor', 'service_partner', 'office')", name=op.f('ck_organisation_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation')),
    sa.UniqueConstraint('code', name=op.f('uq_organisation_code'))
    )
    op.create_index('ix_organisation_name_key', 'organisation', [sa.literal_column('lower(name)').label('key')], unique=False, postgresql_ops={'key': 'text_pattern_ops'})
    op.create_table('organisation_phone',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('raw', sa.String(), nullable=False),
    sa.Column('e164', sa.String(), nullable=True),
    sa.Column('country', sa.String(), nullable=False),
    sa.Column('validity', sa.String(), server_default=sa.text("'possible'"), nullable=False),
    sa.Column('kind', sa.String(), server_default=sa.text("'unknown'"), nullable=False),
    sa.Column('do_not_call', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('do_not_call_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('do_not_call_by', sa.String(), nullable=True),
    sa.CheckConstraint("kind IN ('mobile', 'fixed', 'fixed_or_mobile', 'toll_free', 'premium', 'shared_cost', 'voip', 'personal', 'pager', 'company', 'voicemail', 'unknown')", name=op.f('ck_organisation_phone_kind')),
    sa.CheckConstraint("validity IN ('valid', 'possible', 'unreadable')", name=op.f('ck_organisation_phone_validity')),
    sa.CheckConstraint('do_not_call = (do_not_call_since IS NOT NULL)', name=op.f('ck_organisation_phone_do_not_call')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_organisation_phone_organisation_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation_phone')),
    sa.UniqueConstraint('organisation_id', 'e164', name=op.f('uq_organisation_phone_organisation_id_e164'))
    )
    op.create_index('ix_organisation_phone_e164', 'organisation_phone', ['e164'], unique=False)
    op.create_table('organisation_member',
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_organisation_member_customer_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_organisation_member_organisation_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('organisation_id', 'customer_id', name=op.f('pk_organisation_member'))
    )
    op.create_index('ix_organisation_member_customer_id', 'organisation_member', ['customer_id'], unique=False)
    op.create_table('customer_import',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('file_name', sa.String(), nullable=False),
    sa.Column('state', sa.String(), server_default=sa.text("'reading'"), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lines_read', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('last_line', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('applied_to', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('counts', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.CheckConstraint("state IN ('reading', 'checked', 'applying', 'done', 'left')", name=op.f('ck_customer_import_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_import'))
    )
    op.create_index('ix_customer_import_digest', 'customer_import', ['digest', 'began_at'], unique=False)
    op.create_table('customer_import_line',
    sa.Column('import_id', sa.Uuid(), nullable=False),
    sa.Column('line', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('fault', sa.String(), nullable=True),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(), nullable=True),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('company', sa.String(), nullable=True),
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=True),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('organisation', sa.String(), nullable=True),
    sa.Column('organisation_kind', sa.String(), nullable=True),
    sa.CheckConstraint("state IN ('valid', 'invalid', 'duplicate')", name=op.f('ck_customer_import_line_state')),
    sa.ForeignKeyConstraint(['import_id'], ['customer_import.id'], name=op.f('fk_customer_import_line_import_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('import_id', 'line', name=op.f('pk_customer_import_line'))
    )
    op.create_index('ix_customer_import_line_code', 'customer_import_line', ['import_id', 'code'], unique=False)
    op.create_index('ix_customer_import_line_fault', 'customer_import_line', ['import_id', 'line'], unique=False, postgresql_where=sa.text("state <> 'valid'"))
    op.create_table('customer_import_number',
    sa.Column('import_id', sa.Uuid(), nullable=False),
    sa.Column('line', sa.Integer(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('raw', sa.String(), nullable=False),
    sa.Column('e164', sa.String(), nullable=True),
    sa.Column('country', sa.String(), nullable=False),
    sa.Column('validity', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('do_not_call', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['import_id'], ['customer_import.id'], name=op.f('fk_customer_import_number_import_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('import_id', 'line', 'place', name=op.f('pk_customer_import_number'))
    )
    op.create_index('ix_customer_import_number_e164', 'customer_import_number', ['import_id', 'e164'], unique=False)
    op.add_column('customer', sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False))
    op.add_column('customer', sa.Column('merged_into', sa.Uuid(), nullable=True))
    op.create_index('ix_customer_merged_into', 'customer', ['merged_into'], unique=False, postgresql_where=sa.text('merged_into IS NOT NULL'))
    op.create_index('ix_customer_name_key', 'customer', [sa.literal_column('lower(name)').label('key')], unique=False, postgresql_ops={'key': 'text_pattern_ops'})
    op.create_index('ix_customer_searched', 'customer', [sa.literal_column("(regexp_replace(lower((((name || ' ') || coalesce(company, '')) || ' ') || code), '([⺀-鿿])', ' \\1 ', 'g'))").label('searched')], unique=False, postgresql_using='gin', postgresql_ops={'searched': 'gin_trgm_ops'})
    op.add_column('customer_phone', sa.Column('validity', sa.String(), server_default=sa.text("'possible'"), nullable=False))
    op.add_column('customer_phone', sa.Column('kind', sa.String(), server_default=sa.text("'unknown'"), nullable=False))
    op.add_column('customer_phone', sa.Column('do_not_call', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('customer_phone', sa.Column('do_not_call_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('customer_phone', sa.Column('do_not_call_by', sa.String(), nullable=True))
    op.create_index('ix_customer_phone_backwards', 'customer_phone', [sa.literal_column('reverse(e164)').label('end')], unique=False, postgresql_ops={'end': 'text_pattern_ops'})
    op.create_index('ix_customer_phone_do_not_call', 'customer_phone', ['e164'], unique=False, postgresql_where=sa.text('do_not_call'))
    op.create_foreign_key(op.f('fk_customer_merged_into'), 'customer', 'customer', ['merged_into'], ['id'], ondelete='CASCADE')
    op.execute("UPDATE customer_phone SET validity = 'unreadable' WHERE e164 IS NULL")
    op.create_check_constraint(op.f('ck_customer_phone_validity'), 'customer_phone', "validity IN ('valid', 'possible', 'unreadable')")
    op.create_check_constraint(op.f('ck_customer_phone_kind'), 'customer_phone', "kind IN ('mobile', 'fixed', 'fixed_or_mobile', 'toll_free', 'premium', 'shared_cost', 'voip', 'personal', 'pager', 'company', 'voicemail', 'unknown')")
    op.create_check_constraint(op.f('ck_customer_phone_do_not_call'), 'customer_phone', 'do_not_call = (do_not_call_since IS NOT NULL)')


def downgrade() -> None:
    for name in ('validity', 'kind', 'do_not_call'):
        op.drop_constraint(op.f(f'ck_customer_phone_{name}'), 'customer_phone', type_='check')
    for name in ('ix_customer_phone_do_not_call', 'ix_customer_phone_backwards'):
        op.drop_index(name, table_name='customer_phone')
    for name in ('do_not_call_by', 'do_not_call_since', 'do_not_call', 'kind', 'validity'):
        op.drop_column('customer_phone', name)
    for name in ('ix_customer_searched', 'ix_customer_name_key', 'ix_customer_merged_into'):
        op.drop_index(name, table_name='customer')
    op.drop_constraint(op.f('fk_customer_merged_into'), 'customer', type_='foreignkey')
    for name in ('merged_into', 'version'):
        op.drop_column('customer', name)
    for name in ('customer_import_number', 'customer_import_line', 'customer_import', 'organisation_member', 'organisation_phone', 'organisation', 'customer_merge', 'caller_pick', 'customer_change'):
        op.drop_table(name)
    for counted in ('organisation_code', 'customer_code'):
        op.execute(sa.schema.DropSequence(sa.Sequence(counted)))
