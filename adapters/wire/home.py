"""Where a provider is, unless the settings say otherwise."""

import attrs


@attrs.frozen(kw_only=True)
class ProviderHome:
    """A provider's own address and the names under which the world keeps what leads there.

    Attributes:
        base_url: Up to where a codec's paths begin.
        base_url_variable: Of the environment; holds another address.
        key_variable: Of the environment; holds the key.
    """

    base_url: str
    base_url_variable: str
    key_variable: str
