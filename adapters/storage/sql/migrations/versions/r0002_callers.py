"""Callers, and a number that grows whenever one of them changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables; nobody is known yet."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "callers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("token_sha256", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("scopes", json, nullable=False),
        sa.Column("allow", json, nullable=False),
        sa.Column("requests_per_minute", sa.BigInteger),
        sa.Column("tokens_per_minute", sa.BigInteger),
        sa.Column("parallel_calls", sa.BigInteger),
        sa.Column("budget_nano_usd_per_day", sa.BigInteger),
        sa.Column("budget_nano_usd_per_month", sa.BigInteger),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger),
        sa.Column("revoked_us", sa.BigInteger),
    )
    changes = op.create_table("callers_changes", sa.Column("number", sa.BigInteger, nullable=False))
    op.bulk_insert(changes, [{"number": 0}])
