"""What Alembic runs to bring the tables up to date; advanced-alchemy calls it."""

import asyncio
from typing import Any, Final

from alembic import context
from sqlalchemy import Connection

from server.database.tables import metadata

config: Any = context.config
# Any number, the same in all processes: servers that start at once wait for each other.
_LOCK: Final = 7_025_061


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, version_table=config.version_table_name)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        context.run_migrations()


async def _connect_and_migrate() -> None:
    async with config.engine.connect() as connection:
        await connection.run_sync(_migrate)
        await connection.commit()
    await config.engine.dispose()


asyncio.run(_connect_and_migrate())
