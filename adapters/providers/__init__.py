"""Providers: each a codec, which is pure functions and tables."""
