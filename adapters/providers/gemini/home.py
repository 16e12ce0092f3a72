"""Where Gemini is."""

from adapters.wire.home import ProviderHome

HOME = ProviderHome(
    base_url="https://generativelanguage.googleapis.com",
    base_url_variable="GEMINI_BASE_URL",
    key_variable="GEMINI_API_KEY",
)
