"""How many processes a server may be: as many as processors that this one may use."""

import argparse
import math
import os
from pathlib import Path

MOST = 64
"""As many as journals beside one database."""
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def workers(text: str) -> int:
    """Return how many workers `text` asks for: a number, or ``auto`` for one a processor that may be used."""
    if text == "auto":
        return min(MOST, usable_processors(_QUOTA))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"must be auto, or a number from 1 to {MOST}")
    return int(text)


def usable_processors(quota: Path) -> int:
    """Return how many processors this process may use; `quota` is the container's, if it has one."""
    affinity = getattr(os, "sched_getaffinity", None)
    found = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        used, _, period = quota.read_text(encoding="ascii").partition(" ")
        if used != "max":
            found = min(found, math.ceil(int(used) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        # No container, or none that says so.
        pass
    return max(1, found)
