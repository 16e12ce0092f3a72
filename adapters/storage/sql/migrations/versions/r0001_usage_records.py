"""The usage records."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "usage_records",
        sa.Column("record_id", sa.String(32), primary_key=True),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("attempt_index", sa.Integer, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("credential_alias", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("error_reason", sa.Text),
        sa.Column("upstream_status", sa.Integer, nullable=False),
        sa.Column("upstream_request_id", sa.Text, nullable=False),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("cache_read_tokens", sa.BigInteger),
        sa.Column("cache_write_tokens", sa.BigInteger),
        sa.Column("cache_write_5m_tokens", sa.BigInteger),
        sa.Column("cache_write_1h_tokens", sa.BigInteger),
        sa.Column("reasoning_tokens", sa.BigInteger),
        sa.Column("usage_source", sa.Text),
        sa.Column("cost_nano_usd", sa.BigInteger),
        sa.Column("price_version", sa.Text, nullable=False),
        sa.Column("queued_us", sa.BigInteger, nullable=False),
        sa.Column("first_token_us", sa.BigInteger),
        sa.Column("total_us", sa.BigInteger, nullable=False),
        sa.Column("labels", json, nullable=False),
        sa.Column("raw_usage", json),
    )
    op.create_index("usage_records_time", "usage_records", ["time_us", "record_id"])
    op.create_index(
        "usage_records_caller_time", "usage_records", ["caller", "time_us", "cost_nano_usd"]
    )
