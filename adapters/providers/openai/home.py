"""Where OpenAI is."""

from adapters.wire.home import ProviderHome

HOME = ProviderHome(
    base_url="https://api.openai.com/v1",
    base_url_variable="OPENAI_BASE_URL",
    key_variable="OPENAI_API_KEY",
)
