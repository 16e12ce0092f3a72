"""Where Groq is."""

from adapters.wire.home import ProviderHome

HOME = ProviderHome(
    base_url="https://api.groq.com/openai/v1",
    base_url_variable="GROQ_BASE_URL",
    key_variable="GROQ_API_KEY",
)
