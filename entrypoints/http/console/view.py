"""What of the past is looked at, and by what it is told apart."""

from collections.abc import Mapping

import attrs

WINDOWS: Mapping[str, tuple[int, int]] = {"5m": (300, 10), "1h": (3600, 120)}
"""Name -> how long it is and how long a step of its charts, in seconds."""
SIDES: Mapping[str, int] = {"provider": 0, "model": 1, "caller": 2}
"""What usage is told apart by -> its place in `adapters.telemetry.console.statistics.Whose`."""


@attrs.frozen
class View:
    """What somebody looks at.

    Attributes:
        window: One of `WINDOWS`.
        by: One of `SIDES`.
    """

    window: str = "5m"
    by: str = "model"

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> "View":
        """Return what a query asks for; what it does not say, or says wrong, is as usual."""
        usual = cls()
        window, by = asked.get("window", ""), asked.get("by", "")
        return cls(window if window in WINDOWS else usual.window, by if by in SIDES else usual.by)

    @property
    def query(self) -> str:
        """How it is asked for."""
        return f"?window={self.window}&by={self.by}"

    @property
    def window_s(self) -> int:
        """How far it goes back."""
        return WINDOWS[self.window][0]

    @property
    def step_s(self) -> int:
        """How long a step of its charts is."""
        return WINDOWS[self.window][1]
