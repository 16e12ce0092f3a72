"""The tables, as the newest version of the database has them (`migrations` says how it got there).

Times and durations are whole microseconds, times since the Unix epoch, money is 1e-9 US dollars: integers
mean the same in every database. NULL is "not reported".
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA = sa.MetaData()

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

USAGE_RECORDS = sa.Table(
    "usage_records",
    METADATA,
    # Made by us and ordered by time, so that a record that is written twice is there once.
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
    sa.Column("labels", _JSON, nullable=False),
    sa.Column("raw_usage", _JSON),
    sa.Index("usage_records_time", "time_us", "record_id"),
    # Holds the cost too: what a caller spent since a time is summed without a look at the rows.
    sa.Index("usage_records_caller_time", "caller", "time_us", "cost_nano_usd"),
)

CALLERS = sa.Table(
    "callers",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    # All that is kept of a token.
    sa.Column("token_sha256", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("scopes", _JSON, nullable=False),
    sa.Column("allow", _JSON, nullable=False),
    sa.Column("requests_per_minute", sa.BigInteger),
    sa.Column("tokens_per_minute", sa.BigInteger),
    sa.Column("parallel_calls", sa.BigInteger),
    sa.Column("budget_nano_usd_per_day", sa.BigInteger),
    sa.Column("budget_nano_usd_per_month", sa.BigInteger),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("expires_us", sa.BigInteger),
    # Rows stay, so that a database that ever had keys goes on demanding one.
    sa.Column("revoked_us", sa.BigInteger),
)
CALLERS_CHANGES = sa.Table(
    "callers_changes",
    METADATA,
    # One row: counts the changes of the table above, and lets one change it at a time.
    sa.Column("number", sa.BigInteger, nullable=False),
)
