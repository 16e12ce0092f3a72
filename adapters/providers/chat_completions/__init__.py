"""OpenAI's Chat Completions, as many speak it: a dialect that is called with one differing value."""
