"""Where Anthropic is."""

from adapters.wire.home import ProviderHome

HOME = ProviderHome(
    base_url="https://api.anthropic.com",
    base_url_variable="ANTHROPIC_BASE_URL",
    key_variable="ANTHROPIC_API_KEY",
)
