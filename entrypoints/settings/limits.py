"""Settings of the limits, section ``[limits]``: what protects the service and the accounts at providers.

Callers' own limits are in ``[callers.NAME]``.
"""

from collections.abc import Mapping

import attrs
from attrs.validators import ge, optional

_SIZE = optional(ge(1))


@attrs.frozen(kw_only=True)
class SharedLimits:
    """Limits of one provider or of some models, over all callers; nothing set is no limit of ours.

    Attributes:
        requests_per_minute: Calls begun.
        tokens_per_minute: Input and output together.
        parallel_calls: Calls in flight at once.
    """

    requests_per_minute: int | None = attrs.field(default=None, validator=_SIZE)
    tokens_per_minute: int | None = attrs.field(default=None, validator=_SIZE)
    parallel_calls: int | None = attrs.field(default=None, validator=_SIZE)


@attrs.frozen(kw_only=True)
class LimitSettings:
    """How calls are let in.

    Attributes:
        max_queue_s: Longest that a call waits for a limit if it does not say (``timeouts.max_queue``); 0
            refuses at once.
        max_waiting: Calls that may wait at once.
        parallel_calls: Calls in flight at once, over all callers; unset: as many as there are.
        assumed_output_tokens: How long an answer is taken to be, when its tokens are reserved, if the call
            sets no ``max_tokens``; unset: as long as the model can make it.
        allow_unpriced: Let callers with a budget call models without a known price; their calls then
            cost nothing.
        providers: By provider's name.
        models: By glob of ``provider/model``, e.g. ``openai/gpt-*``; a call is under every one that fits.
    """

    max_queue_s: float = attrs.field(default=10.0, validator=ge(0))
    max_waiting: int = attrs.field(default=1_000, validator=ge(0))
    parallel_calls: int | None = attrs.field(default=None, validator=_SIZE)
    assumed_output_tokens: int | None = attrs.field(default=None, validator=_SIZE)
    allow_unpriced: bool = False
    providers: Mapping[str, SharedLimits] = attrs.field(factory=dict)
    models: Mapping[str, SharedLimits] = attrs.field(factory=dict)
