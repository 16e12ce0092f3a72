"""Where OpenRouter is."""

from adapters.wire.home import ProviderHome

HOME = ProviderHome(
    base_url="https://openrouter.ai/api/v1",
    base_url_variable="OPENROUTER_BASE_URL",
    key_variable="OPENROUTER_API_KEY",
)
