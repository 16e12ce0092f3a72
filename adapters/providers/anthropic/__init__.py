"""Anthropic's Messages API as a codec."""
