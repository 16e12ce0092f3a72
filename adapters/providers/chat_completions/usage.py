"""Usage as Chat Completions counts it.

Laws: totals are inclusive there already; what is absent or odd is not reported, and 0 is zero; parts
are never summed or compared, since recorded ones disagree with their totals.
"""

from adapters.wire.lookup import count_in, counts_in, object_in
from domain.model.json_value import JsonObject
from domain.model.usage import Usage, UsageSource


def usage_of(raw: JsonObject, source: UsageSource) -> Usage:
    """Return what the provider's own usage object `raw` reports."""
    into, out, hit = counts_in(raw, "prompt_tokens", "completion_tokens", "prompt_cache_hit_tokens")
    cached, written = counts_in(
        object_in(raw, "prompt_tokens_details"), "cached_tokens", "cache_write_tokens"
    )
    return Usage(
        input_tokens=into,
        output_tokens=out,
        # DeepSeek's own word, which some servers have without OpenAI's.
        cache_read_tokens=hit if cached is None else cached,
        cache_write_tokens=written,
        reasoning_tokens=count_in(raw, "completion_tokens_details", "reasoning_tokens"),
        source=source,
        raw=raw,
    )
