"""Opens the database, and brings its tables up to date.

SQLite is written in small transactions by several processes at once (WAL); PostgreSQL is for several machines.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from server.errors import DatabaseError

MIGRATIONS: Final = Path(__file__).with_name("migrations")
VERSION_TABLE: Final = "schema_version"
_DRIVERS: Final = ("sqlite+aiosqlite", "postgresql+asyncpg")
_WAIT_S: Final = 10.0


def file_url(path: Path) -> str:
    """Return the URL of an SQLite file."""
    return f"sqlite+aiosqlite:///{path.absolute()}"


def beside(root: Path) -> Path:
    """Return where the SQLite file of a repository is by default: beside it, because everything in it is served."""
    return root.resolve().with_name(root.resolve().name + "-server.sqlite3")


def missing_file(url: str) -> Path | None:
    """Return the SQLite file of a URL if it is not there, and None for every other database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None  # which Database refuses, with its reason
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    path = Path(parsed.database)
    return None if path.exists() else path


def nothing_beside(repository: str) -> str:
    """Return the message for a repository in object storage whose database is not named."""
    return (
        f"{repository} is in object storage, where no SQLite file can be beside it. Name the database of `pocketrec "
        "serve`, such as --database-url postgresql+asyncpg://USER:PASSWORD@HOST/NAME"
    )


def shown(url: str) -> str:
    """Return a URL without its password, and only the path of an SQLite file."""
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return str(parsed.database) if is_file else parsed.render_as_string(hide_password=True)


class Database:
    """Connections to one database.

    Args:
        url: an SQLAlchemy URL with one of the supported drivers.

    Raises:
        DatabaseError: it is no such URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            parsed = make_url(url)
            if parsed.drivername not in _DRIVERS:
                raise ArgumentError(f"found {parsed.drivername!r}")
            if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
                # Each connection would have tables of its own.
                raise ArgumentError("found a database in memory, expected a file")
            self.engine = _engine(url)
        except (ArgumentError, NoSuchModuleError, ValueError) as error:
            raise DatabaseError(
                f"--database-url: {error}, expected `postgresql+asyncpg://USER:PASSWORD@HOST/NAME` "
                "or `sqlite+aiosqlite:////PATH`."
            ) from error

    async def execute(self, statement: Any, rows: Sequence[Mapping[str, object]] | None = None) -> None:  # noqa: ANN401 - SQLAlchemy has no common type for statements
        """Run one statement in a transaction, once for each of the rows if there are any."""
        async with self.engine.begin() as connection:
            await connection.execute(statement, rows)

    async def rows(self, statement: Any) -> Sequence[Any]:  # noqa: ANN401 - as above, and for rows
        """Return the rows of a query."""
        async with self.engine.connect() as connection:
            return (await connection.execute(statement)).all()

    async def add(self, connection: AsyncConnection, table: Table, counts: Sequence[Mapping[str, object]]) -> None:
        """Add counts to the rows of a table with the same primary key, and insert rows that are missing.

        Args:
            connection: a connection in a transaction.
            table: a table whose columns outside of the primary key are counters.
            counts: rows in the order of their keys, in which all processes lock them.
        """
        if counts:
            insert = self._insert(table)
            added = {name: table.c[name] + insert.excluded[name] for name in _values(table)}
            await connection.execute(insert.on_conflict_do_update(index_elements=_key(table), set_=added), counts)

    async def put(self, table: Table, row: Mapping[str, object]) -> None:
        """Insert a row, or replace the one with the same primary key."""
        async with self.engine.begin() as connection:
            await self.put_in(connection, table, row)

    async def put_in(self, connection: AsyncConnection, table: Table, row: Mapping[str, object]) -> None:
        """Do the same in a transaction of a connection."""
        insert = self._insert(table)
        new = {name: insert.excluded[name] for name in _values(table)}
        await connection.execute(insert.on_conflict_do_update(index_elements=_key(table), set_=new), [row])

    async def durable(self) -> AsyncConnection:
        """Return a connection whose commits survive a power cut; the caller closes it.

        Those of the other connections to SQLite survive the end of the process only, which is enough for counters.
        """
        connection = await self.engine.connect()
        if self.engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("PRAGMA synchronous=FULL")
            await connection.commit()
        return connection

    async def begin_writing(self, connection: AsyncConnection) -> None:
        """Begin a transaction that reads before it writes: in SQLite no other one may write meanwhile.

        PostgreSQL locks the rows that are read with ``FOR UPDATE``, which SQLite does not have.
        """
        if self.engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("BEGIN IMMEDIATE")

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    def _insert(self, table: Table) -> Any:  # noqa: ANN401 - either dialect's
        return (postgresql if self.engine.dialect.name == "postgresql" else sqlite).insert(table)


def migrate(url: str, revision: str = "head") -> None:
    """Create the tables, or bring them up to date or to a revision. It must not be called in an event loop.

    Raises:
        DatabaseError: the database cannot be opened.
    """
    from advanced_alchemy.alembic.commands import AlembicCommands
    from advanced_alchemy.config import AlembicAsyncConfig, SQLAlchemyAsyncConfig

    settings = AlembicAsyncConfig(script_location=str(MIGRATIONS), version_table_name=VERSION_TABLE)
    config = SQLAlchemyAsyncConfig(engine_instance=Database(url).engine, alembic_config=settings)
    try:
        AlembicCommands(config).upgrade(revision)
    except (SQLAlchemyError, OSError) as error:
        raise unusable(url, error) from error


def unusable(url: str, error: Exception) -> DatabaseError:
    """Return the error of a database that does not answer."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return DatabaseError(
        f"cannot use the database {shown(url)}: {cause}. Check that it runs and that this user may write to it, "
        "or name another one with --database-url."
    )


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _values(table: Table) -> list[str]:
    return [column.name for column in table.columns if not column.primary_key]


def _engine(url: str) -> AsyncEngine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_async_engine(url, pool_size=4, max_overflow=4, pool_pre_ping=True)
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": _WAIT_S})

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _: object) -> None:  # noqa: ANN401 - a connection of the driver
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    return engine
