"""Mistral over Chat Completions."""
