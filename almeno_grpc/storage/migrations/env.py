"""What Alembic runs to migrate: on the connection it is handed, in that connection's transaction."""

from alembic import context

from almeno_grpc.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
