"""Where media come from that a provider does not fetch by itself."""

from typing import Protocol

import attrs


class MediaRefused(Exception):
    """A medium cannot be had.

    The message is the rest of a sentence about its address, for the caller; it tells nothing of the network
    that the service is in.
    """


@attrs.frozen
class Fetched:
    """A medium.

    Attributes:
        mime_type: As its server says; may be empty.
    """

    data: bytes = attrs.field(repr=False)
    mime_type: str


@attrs.define
class Allowance:
    """How many bytes one call may still fetch; shared by its fetches.

    Attributes:
        left: Bytes.
    """

    left: int

    def take(self, count: int) -> None:
        """Use `count` bytes up.

        Raises:
            MediaRefused: There are not as many left.
        """
        self.left -= count
        if self.left < 0:
            raise MediaRefused("is too much, together with the other media of the call")


class MediaSource(Protocol):
    """Fetches media."""

    async def fetch(self, uri: str, allowance: Allowance, /) -> Fetched:
        """Return what is at `uri`.

        Raises:
            MediaRefused: It may not be fetched, or cannot be had.

        Resource handling:
            Every connection is closed when this returns or raises.
        """
        ...
