"""Rounds, their partial sums, and the one-time tokens of updates."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "rounds",
        sa.Column("round", sa.String(26), primary_key=True),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("plan", sa.LargeBinary, nullable=False),
        sa.Column("adapter", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.Column("closed", sa.BigInteger),
        sa.Column("updates", sa.BigInteger, nullable=False),
        sa.Column("weight", sa.BigInteger, nullable=False),
        sa.Column("merged", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("outcome", sa.LargeBinary),
    )
    op.create_table(
        "round_adapters",
        sa.Column("target", sa.String(64), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_table(
        "round_shards",
        sa.Column("round", sa.String(26), primary_key=True),
        sa.Column("shard", sa.String(16), primary_key=True),
        sa.Column("sums", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "round_counts",
        sa.Column("round", sa.String(26), primary_key=True),
        sa.Column("what", sa.String(32), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "round_tokens",
        sa.Column("round", sa.String(26), primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("round_tokens", "round_counts", "round_shards", "round_adapters", "rounds"):
        op.drop_table(name)
