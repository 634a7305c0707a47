"""Numbers that callers withheld are none: words such as "anonymous" stood in their place, and made one customer of all

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0023, after 0022
"""

import sqlalchemy as sa
from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None

WORDS = ('anonymous', 'unknown', '<unknown>', 'restricted', 'private', 'withheld', 'unavailable', 'not available')
BITE = 5000


def upgrade() -> None:
    # As trunks write them, so that the index finds them. Rows of calls in progress are the bridge's, and stay.
    spelled = sorted({way for word in WORDS for way in (word, word.capitalize(), word.title(), word.upper())})
    forget = sa.text(
        "UPDATE conversation SET caller = NULL WHERE id IN (SELECT id FROM conversation"
        " WHERE caller = ANY(CAST(:spelled AS text[])) AND ended_at IS NOT NULL LIMIT :bite)"
    )
    with op.get_context().autocommit_block():
        while op.get_bind().execute(forget, {'spelled': spelled, 'bite': BITE}).rowcount == BITE:
            pass
        cases = sa.text('UPDATE customer_case SET caller = NULL WHERE caller = ANY(CAST(:spelled AS text[]))')
        op.get_bind().execute(cases, {'spelled': spelled})


def downgrade() -> None:
    pass
