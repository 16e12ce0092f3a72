"""Makes purerpc 0.8 importable beside h2 4: one annotation there names a class that h2 4 renamed.

purerpc pins h2 < 4, which has open advisories; the lock file installs without resolving, so the pin does not
bind.
"""

import h2.events


def make_purerpc_importable() -> None:
    """Give h2 the old name back; to be called before purerpc is imported."""
    # Not as an assignment: the name is not there for a type checker.
    setattr(h2.events, "PingAcknowledged", h2.events.PingAckReceived)  # noqa: B010
