"""OpenRouter: many providers' models over one Chat Completions dialect."""
