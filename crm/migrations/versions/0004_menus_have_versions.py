"""Menus have versions: each published text as a row, and which of them a visit followed

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('menu_version',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('menu', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('who', sa.String(), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('like', sa.Integer(), nullable=True),
    sa.Column('published_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_menu_version')),
    sa.UniqueConstraint('menu', 'version', name=op.f('uq_menu_version_menu_version'))
    )
    op.add_column('visit', sa.Column('menu_version', sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column('visit', 'menu_version')
    op.drop_table('menu_version')
