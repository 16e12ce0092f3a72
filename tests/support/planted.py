"""Secrets that tests use carry a mark; nothing that is written while they run may hold it.

See `tests/conftest.py` for who looks at the output of tests, and `cli_runs.serving` for that of servers.
"""

MARK = "pLanTed"


def planted(name: str) -> str:
    """Return a secret of that name, which no output may hold."""
    return f"{name}-{MARK}-7391"


def leaks(text: str) -> list[str]:
    """Return the lines of `text` that hold a secret."""
    return [line for line in text.splitlines() if MARK in line]
