"""The outside, behind the core's ports."""
