"""Cases with clocks and a history, work orders, a directory, and what customers are told

For authors: this runs while calls are in progress, and old programs run on the new tables until they are restarted.
Add columns as nullable or with a constant default; fill them in batches of their own; make NOT NULL a later migration,
by a NOT VALID check first. Build indexes on big tables CONCURRENTLY (in `with op.get_context().autocommit_block():`).
Drop a column only one release after the last program that reads it. A lock is waited for 4 s, then this fails and
nothing changed. Never edit a migration that was released.

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

# code, English, 中文, tier it begins in, open minutes to be taken and to be solved
CATEGORIES = (
    ('order', 'Order', '订单', 'first_line', 60, 480),
    ('after_sales', 'After-sales', '售后', 'first_line', 60, 1440),
    ('complaint', 'Complaint', '投诉', 'complaints', 30, 480),
    ('enquiry', 'Enquiry', '咨询', 'first_line', 60, 480),
    ('other', 'Other', '其他', 'first_line', 120, 1440),
)
TEMPLATES = (
    ('received', 'en', 'We look after it', 'Dear {name}, your case {number} ({subject}) is in our hands.'),
    ('received', 'zh', '已受理', '{name}您好，您的事件 {number}（{subject}）已受理。'),
    ('progress', 'en', 'How it stands', 'Dear {name}, your case {number} ({subject}) is {state}.'),
    ('progress', 'zh', '处理进展', '{name}您好，您的事件 {number}（{subject}）目前{state}。'),
    ('solved', 'en', 'It is solved', 'Dear {name}, your case {number} ({subject}) is solved: {solution}'),
    ('solved', 'zh', '已解决', '{name}您好，您的事件 {number}（{subject}）已解决：{solution}'),
)


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence('case_number', start=1001)))
    op.create_table('department',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name_en', sa.String(), nullable=False),
    sa.Column('name_zh', sa.String(), nullable=False),
    sa.Column('answer_minutes', sa.Integer(), server_default=sa.text('480'), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_department'))
    )
    op.create_table('directory_entry',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('department', sa.String(), nullable=False),
    sa.Column('position', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('matters', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('extension', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('mobile', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('email', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('found_by', sa.String(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=True),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_directory_entry_agent_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['department'], ['department.code'], name=op.f('fk_directory_entry_department')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_directory_entry')),
    sa.UniqueConstraint('department', 'name', 'extension', name=op.f('uq_directory_entry_department_name_extension'))
    )
    op.create_index('ix_directory_entry_agent_id', 'directory_entry', ['agent_id'], unique=False, postgresql_where=sa.text('agent_id IS NOT NULL'))
    op.create_table('case_category',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('title_en', sa.String(), nullable=False),
    sa.Column('title_zh', sa.String(), nullable=False),
    sa.Column('place', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('starts_at', sa.String(), server_default=sa.text("'first_line'"), nullable=False),
    sa.Column('respond_minutes', sa.Integer(), nullable=False),
    sa.Column('solve_minutes', sa.Integer(), nullable=False),
    sa.Column('escalate_on_breach', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('escalate_reopened', sa.Integer(), server_default=sa.text('2'), nullable=False),
    sa.Column('check_en', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('check_zh', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.CheckConstraint("starts_at IN ('first_line', 'second_line', 'complaints')", name=op.f('ck_case_category_starts_at')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_case_category'))
    )
    op.create_table('case_team',
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("tier IN ('first_line', 'second_line', 'complaints')", name=op.f('ck_case_team_tier')),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_case_team_agent_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tier', 'agent_id', name=op.f('pk_case_team'))
    )
    op.create_table('customer_case',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('opening_key', sa.String(), nullable=True),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('caller', sa.String(), nullable=True),
    sa.Column('category', sa.String(), nullable=False),
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('state', sa.String(), server_default=sa.text("'open'"), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('description', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('handler_id', sa.Uuid(), nullable=True),
    sa.Column('opened_by', sa.String(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.Column('reopened', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('solution', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('solved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_by', sa.String(), nullable=True),
    sa.CheckConstraint("state IN ('open', 'waiting', 'solved', 'closed')", name=op.f('ck_customer_case_state')),
    sa.CheckConstraint("tier IN ('first_line', 'second_line', 'complaints')", name=op.f('ck_customer_case_tier')),
    sa.ForeignKeyConstraint(['category'], ['case_category.code'], name=op.f('fk_customer_case_category')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_customer_case_customer_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['handler_id'], ['agent.id'], name=op.f('fk_customer_case_handler_id')),
    sa.ForeignKeyConstraint(['owner_id'], ['agent.id'], name=op.f('fk_customer_case_owner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_case')),
    sa.UniqueConstraint('number', name=op.f('uq_customer_case_number')),
    sa.UniqueConstraint('opening_key', name=op.f('uq_customer_case_opening_key'))
    )
    op.create_index('ix_customer_case_caller', 'customer_case', ['caller'], unique=False, postgresql_where=sa.text('customer_id IS NULL'))
    op.create_index('ix_customer_case_customer_id', 'customer_case', ['customer_id', 'opened_at'], unique=False)
    op.create_index('ix_customer_case_handler_open', 'customer_case', ['handler_id'], unique=False, postgresql_where=sa.text("state <> 'closed'"))
    op.create_index('ix_customer_case_opened_at', 'customer_case', ['opened_at'], unique=False)
    op.create_index('ix_customer_case_owner_open', 'customer_case', ['owner_id'], unique=False, postgresql_where=sa.text("state <> 'closed'"))
    op.create_index('ix_customer_case_tier_open', 'customer_case', ['tier', 'opened_at'], unique=False, postgresql_where=sa.text("state <> 'closed'"))
    op.create_table('case_clock',
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('target_s', sa.Double(), nullable=False),
    sa.Column('spent_s', sa.Double(), server_default=sa.text('0'), nullable=False),
    sa.Column('running_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('warn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('warned_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('breached_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('respond', 'solve')", name=op.f('ck_case_clock_kind')),
    sa.ForeignKeyConstraint(['case_id'], ['customer_case.id'], name=op.f('fk_case_clock_case_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('case_id', 'kind', name=op.f('pk_case_clock'))
    )
    op.create_index('ix_case_clock_due_at', 'case_clock', ['due_at'], unique=False, postgresql_where=sa.text('breached_at IS NULL AND running_since IS NOT NULL'))
    op.create_index('ix_case_clock_warn_at', 'case_clock', ['warn_at'], unique=False, postgresql_where=sa.text('warned_at IS NULL AND running_since IS NOT NULL'))
    op.create_table('case_event',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('did', sa.String(), nullable=False),
    sa.Column('field', sa.String(), nullable=True),
    sa.Column('was', sa.String(), nullable=True),
    sa.Column('became', sa.String(), nullable=True),
    sa.Column('said', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['customer_case.id'], name=op.f('fk_case_event_case_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_event'))
    )
    op.create_index('ix_case_event_case_id', 'case_event', ['case_id', 'id'], unique=False)
    op.create_table('case_conversation',
    sa.Column('conversation_id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['customer_case.id'], name=op.f('fk_case_conversation_case_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('conversation_id', 'case_id', name=op.f('pk_case_conversation'))
    )
    op.create_index('ix_case_conversation_case_id', 'case_conversation', ['case_id'], unique=False)
    op.create_table('no_case',
    sa.Column('conversation_id', sa.Uuid(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("reason IN ('answered_at_once', 'wrong_number', 'nobody_spoke', 'internal', 'other')", name=op.f('ck_no_case_reason')),
    sa.PrimaryKeyConstraint('conversation_id', name=op.f('pk_no_case'))
    )
    op.create_table('case_reminder',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('about', sa.String(), nullable=False),
    sa.Column('made_by', sa.String(), nullable=False),
    sa.Column('fired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['agent_id'], ['agent.id'], name=op.f('fk_case_reminder_agent_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['case_id'], ['customer_case.id'], name=op.f('fk_case_reminder_case_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_reminder'))
    )
    op.create_index('ix_case_reminder_agent_id', 'case_reminder', ['agent_id', 'due_at'], unique=False, postgresql_where=sa.text('done_at IS NULL'))
    op.create_index('ix_case_reminder_due_at', 'case_reminder', ['due_at'], unique=False, postgresql_where=sa.text('fired_at IS NULL AND done_at IS NULL'))
    op.create_table('work_order',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('department', sa.String(), nullable=False),
    sa.Column('wanted', sa.String(), nullable=False),
    sa.Column('asked_by', sa.Uuid(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('overdue_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('state', sa.String(), server_default=sa.text("'open'"), nullable=False),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.Column('taken_by', sa.Uuid(), nullable=True),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answer', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('answered_by', sa.Uuid(), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('request_rating', sa.Integer(), nullable=True),
    sa.Column('request_remark', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.Column('answer_rating', sa.Integer(), nullable=True),
    sa.Column('answer_remark', sa.String(), server_default=sa.text("''"), nullable=False),
    sa.CheckConstraint("state IN ('open', 'taken', 'answered', 'refused', 'withdrawn')", name=op.f('ck_work_order_state')),
    sa.CheckConstraint('answer_rating BETWEEN 1 AND 5', name=op.f('ck_work_order_answer_rating')),
    sa.CheckConstraint('request_rating BETWEEN 1 AND 5', name=op.f('ck_work_order_request_rating')),
    sa.ForeignKeyConstraint(['answered_by'], ['agent.id'], name=op.f('fk_work_order_answered_by')),
    sa.ForeignKeyConstraint(['asked_by'], ['agent.id'], name=op.f('fk_work_order_asked_by')),
    sa.ForeignKeyConstraint(['case_id'], ['customer_case.id'], name=op.f('fk_work_order_case_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['department'], ['department.code'], name=op.f('fk_work_order_department')),
    sa.ForeignKeyConstraint(['taken_by'], ['agent.id'], name=op.f('fk_work_order_taken_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work_order')),
    sa.UniqueConstraint('case_id', 'place', name=op.f('uq_work_order_case_id_place')),
    sa.UniqueConstraint('number', name=op.f('uq_work_order_number'))
    )
    op.create_index('ix_work_order_department_open', 'work_order', ['department', 'due_at'], unique=False, postgresql_where=sa.text("state IN ('open', 'taken')"))
    op.create_index('ix_work_order_due_at', 'work_order', ['due_at'], unique=False, postgresql_where=sa.text("overdue_at IS NULL AND state IN ('open', 'taken')"))
    op.create_table('telling_template',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('code', 'language', name=op.f('pk_telling_template'))
    )
    op.create_table('telling',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('recipient', sa.String(), nullable=False),
    sa.Column('template', sa.String(), nullable=True),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_by', sa.String(), nullable=True),
    sa.CheckConstraint("channel IN ('call', 'sms', 'email')", name=op.f('ck_telling_channel')),
    sa.CheckConstraint("state IN ('to_call', 'told', 'written', 'sent', 'failed')", name=op.f('ck_telling_state')),
    sa.ForeignKeyConstraint(['case_id'], ['customer_case.id'], name=op.f('fk_telling_case_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_telling'))
    )
    op.create_index('ix_telling_case_id', 'telling', ['case_id', 'at'], unique=False)
    op.create_index('ix_telling_outbox', 'telling', ['at'], unique=False, postgresql_where=sa.text("state = 'written'"))
    places = ', '.join(
        f"('{code}', '{en}', '{zh}', {place}, '{tier}', {taken}, {solved})"
        for place, (code, en, zh, tier, taken, solved) in enumerate(CATEGORIES)
    )
    op.execute(
        'INSERT INTO case_category (code, title_en, title_zh, place, starts_at, respond_minutes, solve_minutes) '
        f'VALUES {places}'
    )
    template = sa.table('telling_template', *(sa.column(name) for name in ('code', 'language', 'title', 'body')))
    op.bulk_insert(template, [dict(zip(('code', 'language', 'title', 'body'), row)) for row in TEMPLATES])


def downgrade() -> None:
    op.drop_table('telling')
    op.drop_table('telling_template')
    op.drop_table('work_order')
    op.drop_table('case_reminder')
    op.drop_table('no_case')
    op.drop_table('case_conversation')
    op.drop_table('case_event')
    op.drop_table('case_clock')
    op.drop_table('customer_case')
    op.drop_table('case_team')
    op.drop_table('case_category')
    op.drop_table('directory_entry')
    op.drop_table('department')
    op.execute(sa.schema.DropSequence(sa.Sequence('case_number')))
