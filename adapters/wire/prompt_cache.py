"""Prompt caching in the caller's words: where it is asked for, and whether it came to anything.

Law: a caller who asks for caching and gets none is told so, since nothing else shows it but the bill.
"""

from domain.model.chat import ChatRequest
from domain.model.events import CallWarning, WarningRaised
from domain.model.usage import Usage
from domain.policy.breakpoints import breakpoints


def is_asked(request: ChatRequest) -> bool:
    """Return whether `request` asks for prompt caching anywhere."""
    return request.cache_control is not None or next(breakpoints(request), None) is not None


def missed(request: ChatRequest, usage: Usage, why: str = "") -> list[WarningRaised]:
    """Return the warning that caching was asked for and `usage` reports none; nothing where it does.

    Args:
        request: As it was sent.
        usage: Final.
        why: What may have been the reason, as the rest of a sentence.
    """
    if usage.cache_read_tokens or usage.cache_write_tokens or not is_asked(request):
        return []
    message = f"{request.model} neither read nor wrote its prompt cache{why}"
    return [WarningRaised(CallWarning("PROMPT_CACHE_MISSED", message))]
