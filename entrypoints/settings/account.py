"""Settings of the account, section ``[account]``."""

import re
from typing import Any

import attrs
from attrs.validators import ge, gt, in_, le

_POSTGRESQL = re.compile(r"postgresql://([^/@?#]+@)?[^/@?#]*/[^/@?#]+(\?[^@#]*)?")
_SECRET_OPTION = re.compile(r"[?&](ssl)?password=")


def _database(_: Any, attribute: "attrs.Attribute[str]", value: str) -> None:
    # What is wrong is never shown: it may hold a password.
    if value in ("", "memory") or re.fullmatch(r"sqlite:///.+", value):
        return
    if not _POSTGRESQL.fullmatch(value):
        raise ValueError(
            f"'{attribute.name}' must be memory, sqlite:///PATH (four slashes begin an absolute one) or"
            " postgresql://USER:PASSWORD@HOST/NAME, special characters of the password as %XX"
        )
    if _SECRET_OPTION.search(value):
        raise ValueError(f"'{attribute.name}' must have its password before the host's name")


@attrs.frozen(kw_only=True)
class AccountSettings:
    """Where the account is kept, and how safely.

    Attributes:
        database: ``sqlite:///PATH``, ``postgresql://USER:PASSWORD@HOST/NAME``, or ``memory`` for
            the latest records alone; empty: ``usage.db`` in the platform's state folder.
        database_env: Variable that holds the database's address instead, or, with ``_FILE`` at its
            end, names a file that does.
        durability: ``batched``: a record is written within the window, and a process that is killed
            loses at most that; ``strict``: an answer ends when its record is on the disk.
        flush_window_s: For ``batched``.
        batch_records: Most records of one transaction.
        backlog_records: So many may wait in memory before calls are refused.
        backlog_bytes: The same, in bytes.
        journal: File for records that the database does not take; empty: beside SQLite's file, or in
            the state folder.
        journal_bytes: How large it may become before calls are refused.
        close_s: How long the end may be held up by an unwilling database.
    """

    database: str = attrs.field(default="", validator=_database)
    database_env: str = ""
    durability: str = attrs.field(default="batched", validator=in_(("batched", "strict")))
    flush_window_s: float = attrs.field(default=0.2, validator=[gt(0), le(60)])
    batch_records: int = attrs.field(default=500, validator=[ge(1), le(10_000)])
    backlog_records: int = attrs.field(default=20_000, validator=ge(100))
    backlog_bytes: int = attrs.field(default=64 * 1024 * 1024, validator=ge(1024 * 1024))
    journal: str = ""
    journal_bytes: int = attrs.field(default=256 * 1024 * 1024, validator=ge(0))
    close_s: float = attrs.field(default=5.0, validator=[gt(0), le(600)])
