"""How a command ends: exit codes, and the two errors that choose one.

0 done; 1 the operation failed; 2 bad usage or configuration; 130 interrupted.
"""

import re

DONE, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130
HIDDEN = "(hidden)"

# What a terminal would obey instead of showing it; tab and newline are harmless.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


# A password may have been put into an address.
_USER_IN_URL = re.compile(r"(?<=://)[^/\s]*@")


class OperationFailed(Exception):
    """It was right to ask, but it did not work; the message is one line for people."""


class BadUsage(Exception):
    """The command line, the environment or the configuration makes no sense; the message says what to do."""


def shown(text: str) -> str:
    """Return `text` without what a terminal would obey."""
    return _CONTROL.sub("", text)


def one_line(text: str) -> str:
    """Return `text` fit for one line of a terminal."""
    return " ".join(shown(text).split())


def without_users(text: str) -> str:
    """Return `text` with the users and passwords in its addresses hidden."""
    return _USER_IN_URL.sub(f"{HIDDEN}@", text)
