"""What asking a provider itself has shown."""

from collections.abc import Mapping, Sequence

import attrs

from adapters.wire.listing import LiveModel


@attrs.frozen(kw_only=True)
class Verdict:
    """Whether one provider can be called.

    Attributes:
        problem: What is wrong and what to look at, in one line without secrets; empty: nothing.
        address: ``reached``, or what stands in the way.
        key: ``accepted``, ``refused (STATUS)``, ``missing``, ``none`` where none is wanted, or ``unknown``.
        models: What it lists.
        missing: Names in the settings that it does not list.
        unavailable: Names in our own table that it does not list: not for this key, or no more.
        capabilities: What each of `models` takes, in the wire's words, where that is known here.
        latency_s: Of the first answer, in seconds; ``None``: there was none.
        note: What else there is to know.
    """

    provider: str
    problem: str = ""
    address: str = "reached"
    key: str = "unknown"
    models: tuple[LiveModel, ...] = ()
    missing: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()
    capabilities: Mapping[str, Sequence[str]] = attrs.field(factory=dict, repr=False)
    latency_s: float | None = None
    note: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problem
