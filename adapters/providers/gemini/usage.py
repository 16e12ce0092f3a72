"""Usage as Gemini counts it.

Laws: totals become inclusive; what is absent or odd is not reported, and 0 is zero. Gemini leaves out
what is zero, so a total is known as soon as one of its halves is.

Source: https://ai.google.dev/api/generate-content#UsageMetadata
"""

from adapters.wire.lookup import count_in
from domain.model.json_value import JsonObject
from domain.model.usage import Usage, UsageSource


def usage_of(raw: JsonObject, source: UsageSource) -> Usage:
    """Return what ``usageMetadata`` reports."""
    thoughts = count_in(raw, "thoughtsTokenCount")
    return Usage(
        input_tokens=_sum(
            count_in(raw, "promptTokenCount"), count_in(raw, "toolUsePromptTokenCount")
        ),
        output_tokens=_sum(count_in(raw, "candidatesTokenCount"), thoughts),
        cache_read_tokens=count_in(raw, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
        source=source,
        raw=raw,
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
