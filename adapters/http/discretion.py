"""Events without our secret, should the provider have said it where it names things.

Only events that come a few times in an answer are looked at. Pieces of the answer are not: the model does not
know our secret.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import orjson

from adapters.wire.failures import HIDDEN, presentable
from domain.model.events import ChatEvent, Finished, Started, UsageReported, WarningRaised
from domain.model.usage import Usage


def without(secret: str, event: ChatEvent) -> ChatEvent:
    """Return `event` with `HIDDEN` in the place of `secret`."""
    rule = _RULES.get(type(event))
    return event if rule is None else rule(secret, event)


def _text(secret: str, text: str) -> str:
    return presentable(text, [secret]) if secret in text else text


def _started(secret: str, event: Started) -> Started:
    if secret not in f"{event.id} {event.model} {event.upstream_request_id}":
        return event
    return attrs.evolve(
        event,
        id=_text(secret, event.id),
        model=_text(secret, event.model),
        upstream_request_id=_text(secret, event.upstream_request_id),
    )


def _usage(secret: str, usage: Usage) -> Usage:
    raw = orjson.dumps(usage.raw)
    if secret.encode() not in raw:
        return usage
    return attrs.evolve(usage, raw=orjson.loads(raw.replace(secret.encode(), HIDDEN.encode())))


def _reported(secret: str, event: UsageReported) -> UsageReported:
    return UsageReported(_usage(secret, event.usage))


def _warned(secret: str, event: WarningRaised) -> WarningRaised:
    warning = event.warning
    return WarningRaised(attrs.evolve(warning, message=_text(secret, warning.message)))


def _finished(secret: str, event: Finished) -> Finished:
    return attrs.evolve(
        event,
        native_reason=_text(secret, event.native_reason),
        usage=_usage(secret, event.usage),
    )


# The keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type, Callable[[str, Any], ChatEvent]] = {
    Started: _started,
    UsageReported: _reported,
    WarningRaised: _warned,
    Finished: _finished,
}
