"""Traces: a span for each call, and one for each attempt at a provider, for those who keep them."""
