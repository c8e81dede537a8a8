"""Counters of receipts and traffic, and operators' keys."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "receipts",
        sa.Column("target", sa.String(64), primary_key=True),
        sa.Column("manifest", sa.String(64), primary_key=True),
        sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("fetched", sa.BigInteger, nullable=False),
        sa.Column("taken", sa.BigInteger, nullable=False),
        sa.Column("refused", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "halts",
        sa.Column("target", sa.String(64), primary_key=True),
        sa.Column("manifest", sa.String(64), primary_key=True),
        sa.Column("taken", sa.BigInteger, nullable=False),
        sa.Column("refused", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "traffic",
        sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("what", sa.String(32), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "operator_keys",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("created", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("operator_keys", "traffic", "halts", "receipts"):
        op.drop_table(name)
