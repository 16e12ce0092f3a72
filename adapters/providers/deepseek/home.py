"""Where DeepSeek is."""

from adapters.wire.home import ProviderHome

HOME = ProviderHome(
    base_url="https://api.deepseek.com",
    base_url_variable="DEEPSEEK_BASE_URL",
    key_variable="DEEPSEEK_API_KEY",
)
