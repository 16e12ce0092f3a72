"""Usage as Anthropic counts it.

Laws: ``input_tokens`` leaves out what the cache gave and took, our total does not; what is absent is not
reported, and 0 is zero; a later count replaces an earlier one unless it is null.

Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching#tracking-cache-performance
"""

from adapters.wire.lookup import count_in
from domain.model.json_value import JsonObject
from domain.model.usage import Usage, UsageSource


def usage_of(raw: JsonObject, source: UsageSource) -> Usage:
    """Return what the provider's own usage object `raw` reports."""
    read = count_in(raw, "cache_read_input_tokens")
    short = count_in(raw, "cache_creation", "ephemeral_5m_input_tokens")
    long = count_in(raw, "cache_creation", "ephemeral_1h_input_tokens")
    written = count_in(raw, "cache_creation_input_tokens")
    if written is None and (short is not None or long is not None):
        written = (short or 0) + (long or 0)
    fresh = count_in(raw, "input_tokens")
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=count_in(raw, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long,
        reasoning_tokens=count_in(raw, "output_tokens_details", "thinking_tokens"),
        source=source,
        raw=raw,
    )


def later(first: JsonObject, second: JsonObject) -> JsonObject:
    """Return `first` with what `second`, a later report of the same answer, says."""
    return {**first, **{key: value for key, value in second.items() if value is not None}}
