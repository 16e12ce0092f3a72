"""A whole Messages answer as events.

Laws: a good status does not make a good answer; an error in the body counts. What a failed answer says that
it cost is told before its failure.
"""

from collections.abc import Iterable
from typing import Any

from adapters.providers.anthropic.answer import Answer
from adapters.providers.anthropic.failure import failure_in_answer
from adapters.wire.failures import failed_after, no_answer, protocol_error
from adapters.wire.lookup import json_of, object_in
from domain.model.events import ChatEvent


def whole(answer: Answer, body: bytes) -> Iterable[ChatEvent]:
    """Return the events of `body`.

    Raises:
        ChatError: It holds an error, or makes no sense.
    """
    value = json_of(body)
    if value is None:
        raise no_answer(body, "it is not JSON", upstream_status=answer.head.status)
    return whole_value(answer, value)


def whole_value(answer: Answer, value: Any) -> Iterable[ChatEvent]:
    """Return the events of a body that has been parsed; see `whole`."""
    if isinstance(value, dict) and object_in(value, "error"):
        return failed_after(
            answer.cost(object_in(value, "usage")), failure_in_answer(answer.head, value)
        )
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        raise protocol_error("it holds no content", upstream_status=answer.head.status)
    events: list[ChatEvent | None] = [answer.start(value)]
    events += [
        answer.block(index, block) for index, block in enumerate(content) if isinstance(block, dict)
    ]
    events.append(answer.stop(value, {}))
    return [*(event for event in events if event is not None), *answer.finish()]
