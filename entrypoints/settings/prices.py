"""Settings of prices, sections ``[prices."PROVIDER/MODEL"]``: where the list is wrong or has nothing."""

import attrs
from attrs.validators import ge, le, optional

_MOST_USD = 10_000.0
_MONEY = [ge(0.0), le(_MOST_USD)]


@attrs.frozen(kw_only=True)
class PriceSettings:
    """The price of the models that a glob of ``provider/model`` fits, in US dollars per million tokens.

    Each is at most 10,000, so that what a call costs can be kept and summed.

    Attributes:
        input_usd: Of input that no cache was involved in.
        output_usd: Reasoning included.
        cache_read_usd: Unset: as input.
        cache_write_usd: Unset: as input.
        cache_write_1h_usd: For an hour; unset: such a write has no known price.
        call_usd: Of each call as such, in US dollars.
    """

    input_usd: float = attrs.field(validator=_MONEY)
    output_usd: float = attrs.field(default=0.0, validator=_MONEY)
    cache_read_usd: float | None = attrs.field(default=None, validator=optional(_MONEY))
    cache_write_usd: float | None = attrs.field(default=None, validator=optional(_MONEY))
    cache_write_1h_usd: float | None = attrs.field(default=None, validator=optional(_MONEY))
    call_usd: float = attrs.field(default=0.0, validator=_MONEY)
