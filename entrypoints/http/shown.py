"""What the HTTP side shows, of one process or of several that are one server."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from adapters.telemetry.prometheus.series import Reading
from entrypoints.http.console.view import View


class Unknowable(Exception):
    """Those who know do not answer; the message says who."""


@attrs.frozen
class Stopped:
    """A call that an operator has ended."""

    request_id: str
    caller: str


class Shown(Protocol):
    """A server, for those who look on."""

    @property
    def has_console(self) -> bool:
        """Whether its calls are watched for people."""
        ...

    def unlive(self) -> str:
        """Return why it should be started again; empty: it lives."""
        ...

    def unready(self) -> str:
        """Return why calls are not taken; empty: they are."""
        ...

    async def watch(self) -> None:
        """Do what has to be done while it is shown, until cancelled."""
        ...

    async def readings(self) -> Sequence[Reading]:
        """Return everything that is counted, as it is now."""
        ...

    @property
    def is_one_process(self) -> bool:
        """Whether this process is the whole server; else the readings say what its processes take."""
        ...

    async def snapshot(self, view: View, /) -> Mapping[str, Any]:
        """Return what the console shows; see `entrypoints.http.console.snapshot`."""
        ...

    async def stop(self, call: str, /) -> Stopped | None:
        """End a call as an operator, by its number in the snapshot; None: it is not in flight.

        Raises:
            Unknowable: Whoever has it does not answer.
        """
        ...
