"""A whole generateContent answer as events; also one in array mode, which is a stream that came at once.

Law: what a failed answer says that it cost is told before its failure.
"""

from collections.abc import Iterable

from adapters.providers.gemini.answer import Answer
from adapters.wire.failures import failed_after, no_answer
from adapters.wire.lookup import json_of
from domain.model.events import ChatEvent, UsageReported


def whole(answer: Answer, body: bytes) -> Iterable[ChatEvent]:
    """Return the events of `body`, read into the fresh `answer`.

    Raises:
        ChatError: It holds an error, or makes no sense.
    """
    value = json_of(body)
    responses = value if isinstance(value, list) else [value]
    events: list[ChatEvent] = []
    for response in responses:
        if not isinstance(response, dict):
            raise no_answer(body, "it is not a JSON object", upstream_status=answer.head.status)
        events += answer.read(response)
        if answer.failure is not None:
            break
    else:
        events += answer.end()
    if answer.failure is not None:
        cost = [event for event in events if isinstance(event, UsageReported)]
        return failed_after(cost[-1:], answer.failure)
    # There is nothing in between that they could be about.
    return [event for event in events if not isinstance(event, UsageReported)]
