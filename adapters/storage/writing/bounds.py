"""How the writer is set, and what it tells of itself."""

import attrs


@attrs.frozen(kw_only=True)
class WriterBounds:
    """How records are gathered, and how many may wait.

    Attributes:
        window_s: A record is on its way to the database after this time; 0: at once.
        batch_records: So many are not kept waiting for the window's end, and go in one transaction.
        patience_s: A transaction that takes longer is left to itself, and its records go to the journal too.
        backlog_records: So many may wait in memory before calls are refused.
        backlog_bytes: The same, as rows.
        retry_first_s: First pause after the database was away; it doubles.
        retry_most_s: Longest pause.
        close_s: How long the end may be held up by an unwilling database.
    """

    window_s: float = 0.2
    batch_records: int = 500
    patience_s: float = 0.5
    backlog_records: int = 20_000
    backlog_bytes: int = 64 * 1024 * 1024
    retry_first_s: float = 0.25
    retry_most_s: float = 5.0
    close_s: float = 5.0


@attrs.frozen(kw_only=True)
class WriterStats:
    """What became of the records so far.

    Attributes:
        waiting: In memory, not kept anywhere yet.
        written: Committed, those from the journal included.
        journaled: Gone to the journal.
        journal_bytes: Still in the journal, to be written to the database.
        lost: Neither committed nor in the journal, and gone; must stay 0.
        away: Whether the database could not be written to when last tried.
        last_commit_s: How long the last transaction took, in seconds.
    """

    waiting: int
    written: int
    journaled: int
    journal_bytes: int
    lost: int
    away: bool
    last_commit_s: float
