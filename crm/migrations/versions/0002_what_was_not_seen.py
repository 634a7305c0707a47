"""What was not seen: blind windows, corrections, how far Asterisk's own files are read

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('blind_window',
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('from_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('to_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('why', sa.String(), nullable=False),
    sa.Column('backfilled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('rows_reconstructed', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('calls_pending', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('trouble', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('node', 'from_at', name=op.f('pk_blind_window'))
    )
    op.create_index('ix_blind_window_open', 'blind_window', ['node'], unique=False, postgresql_where=sa.text('backfilled_at IS NULL OR calls_pending > 0'))
    op.create_table('correction',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('what', sa.String(), nullable=False),
    sa.Column('drift', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_correction'))
    )
    op.create_index('ix_correction_at', 'correction', ['node', 'at'], unique=False)
    op.create_table('file_offset',
    sa.Column('node', sa.String(), nullable=False),
    sa.Column('file', sa.String(), nullable=False),
    sa.Column('inode', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('node', 'file', name=op.f('pk_file_offset'))
    )


def downgrade() -> None:
    op.drop_table('file_offset')
    op.drop_index('ix_correction_at', table_name='correction')
    op.drop_table('correction')
    op.drop_index('ix_blind_window_open', table_name='blind_window', postgresql_where=sa.text('backfilled_at IS NULL OR calls_pending > 0'))
    op.drop_table('blind_window')
