"""The tables. A change here needs a migration in ``migrations/versions``."""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table

metadata = MetaData()

RECEIPTS: Final = Table(
    "receipts",
    metadata,
    Column("target", String(64), primary_key=True),
    Column("manifest", String(64), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("fetched", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
)
"""Per target, final manifest and hour (since 1970): how often the manifest was fetched, taken and refused."""

HALTS: Final = Table(
    "halts",
    metadata,
    Column("target", String(64), primary_key=True),
    Column("manifest", String(64), primary_key=True),
    Column("taken", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
)
"""The receipts for which a rollout was halted: once an operator goes on with it, only later ones count."""

TRAFFIC: Final = Table(
    "traffic",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("what", String(32), primary_key=True),
    Column("count", BigInteger, nullable=False),
)
"""Per hour (since 1970): requests, update checks, bytes, and answers by status."""

OPERATOR_KEYS: Final = Table(
    "operator_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
)
"""API keys of operators by digest; ``created`` is in seconds since 1970."""
