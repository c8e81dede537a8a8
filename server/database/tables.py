"""The tables. A change here needs a migration in ``migrations/versions``."""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text

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

ROUNDS: Final = Table(
    "rounds",
    metadata,
    Column("round", String(26), primary_key=True),
    Column("target", String(64), nullable=False),
    Column("plan", LargeBinary, nullable=False),
    Column("adapter", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("closed", BigInteger),
    Column("updates", BigInteger, nullable=False),
    Column("weight", BigInteger, nullable=False),
    Column("merged", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("outcome", LargeBinary),
    Column("share", Integer, nullable=False, server_default="0"),
)
"""Rounds: the bytes of the signed plan, the number of its adapter, and how many updates are in the sum.

``weight`` is the sum of the updates' weights in 1,024ths, ``merged`` the number of rounds whose updates it has; times
are in seconds since 1970; ``outcome`` is the JSON of what was tried and published. Whoever changes a round, its sum or
its tokens locks its row here first.
"""

ROUND_SHARES: Final = Table(
    "round_shares",
    metadata,
    Column("round", String(26), primary_key=True),
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("share", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Shares of rounds with two operators, by the SHA-256 of their tokens: random bytes, deleted when they are added up."""

ROUND_ADAPTERS: Final = Table(
    "round_adapters",
    metadata,
    Column("target", String(64), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
)
"""The adapters that plans of a target have named, numbered in this order; staleness is a difference of numbers."""

ROUND_SHARDS: Final = Table(
    "round_shards",
    metadata,
    Column("round", String(26), primary_key=True),
    Column("shard", String(16), primary_key=True),
    Column("sums", LargeBinary, nullable=False),
)
"""Partial sums, one a process and round: little-endian int64, one a value of an update, times the weights."""

ROUND_COUNTS: Final = Table(
    "round_counts",
    metadata,
    Column("round", String(26), primary_key=True),
    Column("what", String(32), primary_key=True),
    Column("count", BigInteger, nullable=False),
)
"""Per round: how many updates were in the sum by staleness, how many were clipped again, and how many carried over."""

ROUND_TOKENS: Final = Table(
    "round_tokens",
    metadata,
    Column("round", String(26), primary_key=True),
    Column("sha256", LargeBinary(32), primary_key=True),
    sqlite_with_rowid=False,
)
"""The SHA-256 of each one-time token that was counted for a round: no time, no row number, nothing of the update."""
