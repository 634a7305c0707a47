"""Who did what, who may see what, who is who, and who was erased

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

ROLES = "role IN ('agent', 'supervisor', 'quality', 'department', 'admin')"

FRAMED = """
CREATE FUNCTION audit_framed(part text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT convert_to(octet_length(convert_to(part, 'UTF8'))::text || ':' || part || ',', 'UTF8')
$$
"""
# `by` is a word of plpgsql unless it is quoted. At the commit, so that the head's lock is held for that moment only, however long the transaction was.
CHAIN = """
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head record;
    salt bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    seal bytea;
    link bytea;
BEGIN
    SELECT h.number + 1 AS number, h.hash INTO STRICT head FROM audit_head h WHERE h.id = 1 FOR UPDATE;
    seal := sha256(salt || audit_framed(NEW.subject_id) || audit_framed(NEW.detail::text));
    link := sha256(head.hash || seal || audit_framed(head.number::text)
                   || audit_framed((extract(epoch FROM NEW.at) * 1000000)::bigint::text)
                   || audit_framed(NEW."by") || audit_framed(NEW.did) || audit_framed(NEW.subject));
    INSERT INTO audit (number, at, by, did, subject, subject_id, detail, salt, sealed, previous, hash)
    VALUES (head.number, NEW.at, NEW."by", NEW.did, NEW.subject, NEW.subject_id, NEW.detail, salt, seal, head.hash, link);
    UPDATE audit_head SET number = head.number, hash = link WHERE id = 1;
    DELETE FROM audit_pending WHERE id = NEW.id;
    RETURN NULL;
END $$
"""
KEEP = """
CREATE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.salt IS NULL AND NEW.subject_id = '(erased)' AND NEW.detail = '{}'
           AND (NEW.number, NEW.at, NEW."by", NEW.did, NEW.subject, NEW.sealed, NEW.previous, NEW.hash)
             = (OLD.number, OLD.at, OLD."by", OLD.did, OLD.subject, OLD.sealed, OLD.previous, OLD.hash) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit is only ever added to: % of its rows is refused', TG_OP;
END $$
"""


def upgrade() -> None:
    op.create_table('audit_pending',
    sa.Column('id', sa.BigInteger(), autoincrement=True, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('did', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('subject_id', sa.String(), nullable=False),
    sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_pending')),
    prefixes=['UNLOGGED']
    )
    op.create_table('audit',
    sa.Column('number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('did', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('subject_id', sa.String(), nullable=False),
    sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('salt', sa.LargeBinary(), nullable=True),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('previous', sa.LargeBinary(), nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_audit'))
    )
    op.create_index('ix_audit_at', 'audit', ['at'], unique=False)
    op.create_index('ix_audit_subject', 'audit', ['subject', 'subject_id'], unique=False)
    op.create_table('audit_head',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_audit_head_one')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_head'))
    )
    op.execute("INSERT INTO audit_head (id, number, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'))")
    for function in (FRAMED, CHAIN, KEEP):
        op.execute(sa.text(function.replace(':', r'\:')))
    op.execute("CREATE CONSTRAINT TRIGGER audit_chain AFTER INSERT ON audit_pending DEFERRABLE INITIALLY DEFERRED "
               "FOR EACH ROW EXECUTE FUNCTION audit_chain()")
    op.execute("CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_keep()")
    op.execute("CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_keep()")

    op.drop_constraint(op.f('ck_agent_role'), 'agent')
    op.create_check_constraint(op.f('ck_agent_role'), 'agent', ROLES)
    op.create_table('agent_scope',
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('queue', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_agent_scope_agent_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['queue'], ['queue.name'], name=op.f('fk_agent_scope_queue'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('agent_id', 'queue', name=op.f('pk_agent_scope'))
    )
    op.create_table('role_scope',
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('queue', sa.String(), nullable=False),
    sa.CheckConstraint(ROLES, name=op.f('ck_role_scope_role')),
    sa.ForeignKeyConstraint(['queue'], ['queue.name'], name=op.f('fk_role_scope_queue'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('role', 'queue', name=op.f('pk_role_scope'))
    )

    op.create_table('second_factor',
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('secret', sa.LargeBinary(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_step', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_second_factor_agent_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('agent_id', name=op.f('pk_second_factor'))
    )
    op.create_table('recovery_code',
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('code_hash', sa.LargeBinary(), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_recovery_code_agent_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('agent_id', 'code_hash', name=op.f('pk_recovery_code'))
    )
    op.create_table('half_sign_in',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tries', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_half_sign_in_agent_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_half_sign_in'))
    )
    op.create_table('oidc_trip',
    sa.Column('state_hash', sa.LargeBinary(), nullable=False),
    sa.Column('browser_hash', sa.LargeBinary(), nullable=False),
    sa.Column('nonce', sa.String(), nullable=False),
    sa.Column('verifier', sa.String(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('state_hash', name=op.f('pk_oidc_trip'))
    )
    op.create_table('oidc_identity',
    sa.Column('issuer', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('known_since', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_oidc_identity_agent_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('issuer', 'subject', name=op.f('pk_oidc_identity'))
    )

    op.create_table('legal_hold',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('numbers', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('released_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('released_by', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_legal_hold'))
    )
    op.create_index('ix_legal_hold_open', 'legal_hold', ['customer_id'], unique=False, postgresql_where=sa.text('released_at IS NULL'))
    op.create_table('erasure',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('work', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('counts', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('certificate', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasure'))
    )
    op.create_index('ix_erasure_open', 'erasure', ['began_at'], unique=False, postgresql_where=sa.text('finished_at IS NULL'))


def downgrade() -> None:
    for table in ('erasure', 'legal_hold', 'oidc_identity', 'oidc_trip', 'half_sign_in', 'recovery_code',
                  'second_factor', 'role_scope', 'agent_scope'):
        op.drop_table(table)
    op.drop_constraint(op.f('ck_agent_role'), 'agent')
    op.create_check_constraint(op.f('ck_agent_role'), 'agent', "role IN ('agent', 'supervisor')")
    op.drop_table('audit_pending')
    op.drop_table('audit')
    op.drop_table('audit_head')
    op.execute("DROP FUNCTION audit_chain(), audit_keep(), audit_framed(text)")
