"""Usage as Chat Completions counts it.

Laws: totals are inclusive there already; what is absent or odd is not reported, and 0 is zero; parts
are never summed or compared, since recorded ones disagree with their totals.
"""

from adapters.wire.lookup import count_in, object_in
from domain.model.json_value import JsonObject
from domain.model.usage import Usage, UsageSource


def usage_of(raw: JsonObject, source: UsageSource) -> Usage:
    """Return what the provider's own usage object `raw` reports."""
    prompt = object_in(raw, "prompt_tokens_details")
    cached = count_in(prompt, "cached_tokens")
    if cached is None:
        # DeepSeek's own word, which some servers have without OpenAI's.
        cached = count_in(raw, "prompt_cache_hit_tokens")
    return Usage(
        input_tokens=count_in(raw, "prompt_tokens"),
        output_tokens=count_in(raw, "completion_tokens"),
        cache_read_tokens=cached,
        cache_write_tokens=count_in(prompt, "cache_write_tokens"),
        reasoning_tokens=count_in(raw, "completion_tokens_details", "reasoning_tokens"),
        source=source,
        raw=raw,
    )
