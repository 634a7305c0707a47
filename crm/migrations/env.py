"""Run by alembic for each command. The connection is handed in by `crm.migrations`; there is no offline mode."""

from alembic import context

from crm.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transaction_per_migration=True,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
