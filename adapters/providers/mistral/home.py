"""Where Mistral is."""

from adapters.wire.home import ProviderHome

HOME = ProviderHome(
    base_url="https://api.mistral.ai/v1",
    base_url_variable="MISTRAL_BASE_URL",
    key_variable="MISTRAL_API_KEY",
)
