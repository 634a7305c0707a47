"""Organisations that were found to be one, and how to part them

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0020, after 0019
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('organisation', sa.Column('merged_into', sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f('fk_organisation_merged_into'), 'organisation', 'organisation', ['merged_into'], ['id'], ondelete='CASCADE')
    op.create_index('ix_organisation_merged_into', 'organisation', ['merged_into'], unique=False, postgresql_where=sa.text('merged_into IS NOT NULL'))
    op.create_table('organisation_merge',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kept_id', sa.Uuid(), nullable=False),
    sa.Column('merged_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('moved', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('filled', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('undone_by', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['kept_id'], ['organisation.id'], name=op.f('fk_organisation_merge_kept_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['merged_id'], ['organisation.id'], name=op.f('fk_organisation_merge_merged_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation_merge'))
    )
    op.create_index('ix_organisation_merge_kept_id', 'organisation_merge', ['kept_id'], unique=False)
    op.create_index('uq_organisation_merge_standing', 'organisation_merge', ['merged_id'], unique=True, postgresql_where=sa.text('undone_at IS NULL'))


def downgrade() -> None:
    op.drop_table('organisation_merge')
    op.drop_index('ix_organisation_merged_into', table_name='organisation')
    op.drop_constraint(op.f('fk_organisation_merged_into'), 'organisation', type_='foreignkey')
    op.drop_column('organisation', 'merged_into')
