"""Settings of the limits, section ``[limits]``: what protects the service and the accounts at providers.

Callers' own limits are in ``[callers.NAME]``.
"""

import re
from collections.abc import Mapping
from typing import Any

import attrs
from attrs.validators import ge, gt, in_, le, optional

from adapters.storage.redis_limiter.address import redis_address

_SIZE = optional(ge(1))
_PREFIX = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def check_url(_: Any, attribute: "attrs.Attribute[str]", value: str) -> None:
    """Refuse what is no address of a Redis, or holds a password.

    Raises:
        ValueError: Says which, and not what.
    """
    # What is wrong is never shown: it may hold a password.
    if not value:
        return
    try:
        address = redis_address(value)
    except ValueError as error:
        raise ValueError(f"'{attribute.name}' {error}") from None
    if address.password:
        raise ValueError(
            f"'{attribute.name}' holds a password, which is no setting: put the whole address into the"
            " variable that redis_url_env names"
        )


def check_prefix(_: Any, attribute: "attrs.Attribute[str]", value: str) -> None:
    """Refuse what no key should begin with.

    Raises:
        ValueError: It is that.
    """
    if not _PREFIX.fullmatch(value):
        raise ValueError(f"'{attribute.name}' must be up to 64 letters, digits and _ . : -")


@attrs.frozen(kw_only=True)
class SharedLimits:
    """Limits of one provider or of some models, over all callers; nothing set is no limit of ours.

    Attributes:
        requests_per_minute: Calls begun.
        tokens_per_minute: Input and output together.
        parallel_calls: Calls in flight at once.
    """

    requests_per_minute: int | None = attrs.field(default=None, validator=_SIZE)
    tokens_per_minute: int | None = attrs.field(default=None, validator=_SIZE)
    parallel_calls: int | None = attrs.field(default=None, validator=_SIZE)


@attrs.frozen(kw_only=True)
class LimitSettings:
    """How calls are let in.

    Attributes:
        max_queue_s: Longest that a call waits for a limit if it does not say (``timeouts.max_queue``); 0
            refuses at once.
        max_waiting: Calls that may wait at once.
        parallel_calls: Calls in flight at once, over all callers; unset: as many as there are.
        assumed_output_tokens: How long an answer is taken to be, when its tokens are reserved, if the call
            sets no ``max_tokens``; one that is longer counts in full once it has ended. 0: as long as the
            model can make it, often a whole budget.
        allow_unpriced: Let callers with a budget call models without a known price; their calls then
            cost nothing.
        store: Where the books are kept: ``memory`` of this process alone, or ``redis``, for all servers that
            use the same one with the same `redis_prefix`.
        per_worker: With ``memory``, let each worker of ``serve --workers`` keep the same limits by itself: up
            to as many times as much is let in as there are workers.
        redis_url: ``redis://HOST:PORT/DATABASE``, ``rediss://`` over TLS, or ``unix:///PATH``; empty: in
            the variable.
        redis_url_env: Variable that holds it instead, with its password, or, with ``_FILE`` at its
            end, names a file that does.
        redis_prefix: What its keys begin with.
        redis_away: What becomes of calls with limits while Redis does not answer: ``refuse``, or ``local``:
            every server keeps the same limits by itself.
        redis_timeout_s: An answer of Redis that takes longer is none.
        redis_lease_s: So long after its last sign of life a server's calls keep what they hold.
        providers: By provider's name.
        models: By glob of ``provider/model``, e.g. ``openai/gpt-*``; a call is under every one that fits.
    """

    max_queue_s: float = attrs.field(default=10.0, validator=ge(0))
    max_waiting: int = attrs.field(default=1_000, validator=ge(0))
    parallel_calls: int | None = attrs.field(default=None, validator=_SIZE)
    assumed_output_tokens: int = attrs.field(default=4_096, validator=ge(0))
    allow_unpriced: bool = False
    store: str = attrs.field(default="memory", validator=in_(("memory", "redis")))
    per_worker: bool = False
    redis_url: str = attrs.field(default="", validator=check_url)
    redis_url_env: str = "LLMSERVICE_REDIS_URL"
    redis_prefix: str = attrs.field(default="llmservice", validator=check_prefix)
    redis_away: str = attrs.field(default="refuse", validator=in_(("refuse", "local")))
    redis_timeout_s: float = attrs.field(default=1.0, validator=[gt(0), le(60)])
    redis_lease_s: float = attrs.field(default=30.0, validator=[ge(1), le(3_600)])
    providers: Mapping[str, SharedLimits] = attrs.field(factory=dict)
    models: Mapping[str, SharedLimits] = attrs.field(factory=dict)
