"""Groq over Chat Completions."""
