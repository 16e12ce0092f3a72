"""Bytes held for the clients of a server, counted over all its connections.

Law: what is held never exceeds the limits by more than one message a stream. Inbound, the call that would
exceed them ends, because its bytes are there already; outbound, handlers wait until their own stream is
empty.
"""

import attrs

MIB = 1024 * 1024


@attrs.define(eq=False)
class Budget:
    """What is held now, and what may be.

    Attributes:
        max_in: Request bytes received that no handler has taken.
        max_out: Response bytes queued or in a write that is under way.
        held_in: See `max_in`.
        held_out: See `max_out`.
    """

    max_in: int = 256 * MIB
    max_out: int = 256 * MIB
    held_in: int = 0
    held_out: int = 0
