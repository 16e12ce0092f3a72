"""OpenAI over Chat Completions."""
