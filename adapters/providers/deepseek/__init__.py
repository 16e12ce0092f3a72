"""DeepSeek over Chat Completions."""
