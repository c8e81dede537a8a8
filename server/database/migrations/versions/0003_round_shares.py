"""Rounds with two operators: which share this one gets, and the shares until they are added up."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("rounds", sa.Column("share", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "round_shares",
        sa.Column("round", sa.String(26), primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column("share", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("round_shares")
    op.drop_column("rounds", "share")
