"""Settings of the response cache, section ``[response_cache]``: answers that are given again.

Nothing is kept unless a call asks for it (``response_cache`` in the request).
"""

import attrs
from attrs.validators import ge, gt, in_, le

from entrypoints.settings.limits import check_prefix, check_url


@attrs.frozen(kw_only=True)
class ResponseCacheSettings:
    """Where answers are kept, and how many.

    Attributes:
        store: ``memory`` of this process, ``redis`` for all servers that share one, or ``off``.
        max_bytes: Of memory, for all answers; what was used longest ago goes first. A Redis has a bound
            of its own (``maxmemory``).
        max_answer_bytes: Longer answers are not kept.
        default_ttl_s: For how long an answer is kept, in seconds, if its call does not say.
        max_ttl_s: Longest that it is kept, in seconds, whatever its call says.
        with_tools: Keep and share the answers to calls that offer tools, too.
        buffer_bytes: Of a shared answer (``response_cache.coalesce``), kept for callers that read more slowly
            or come later; who falls further behind is told to call again.
        redis_url: As in ``[limits]``.
        redis_url_env: As in ``[limits]``.
        redis_prefix: What its keys begin with.
        redis_timeout_s: An answer of Redis that takes longer is none: the provider is asked.
    """

    store: str = attrs.field(default="memory", validator=in_(("memory", "redis", "off")))
    max_bytes: int = attrs.field(default=67_108_864, validator=ge(0))
    max_answer_bytes: int = attrs.field(default=1_048_576, validator=ge(0))
    default_ttl_s: float = attrs.field(default=3_600.0, validator=gt(0))
    max_ttl_s: float = attrs.field(default=86_400.0, validator=gt(0))
    with_tools: bool = False
    buffer_bytes: int = attrs.field(default=1_048_576, validator=ge(0))
    redis_url: str = attrs.field(default="", validator=check_url)
    redis_url_env: str = "LLMSERVICE_REDIS_URL"
    redis_prefix: str = attrs.field(default="llmservice", validator=check_prefix)
    redis_timeout_s: float = attrs.field(default=0.5, validator=[gt(0), le(60)])
