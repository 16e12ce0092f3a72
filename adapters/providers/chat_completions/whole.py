"""A whole Chat Completions answer as events.

Law: a good status does not make a good answer; an error in the body, at the top or in the choice,
counts.
"""

from collections.abc import Sequence
from typing import Any

from adapters.providers.chat_completions.answer import Answer
from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.failure import failure_in_answer
from adapters.wire.codec import ResponseHead
from adapters.wire.failures import protocol_error
from adapters.wire.lookup import json_of, object_in, objects_in, text_in
from domain.model.call import ChatCall
from domain.model.events import ChatEvent


def whole(call: ChatCall, dialect: Dialect, head: ResponseHead, body: bytes) -> Sequence[ChatEvent]:
    """Return the events of `body`.

    Raises:
        ChatError: It holds an error, or makes no sense.
    """
    return whole_value(call, dialect, head, json_of(body))


def whole_value(
    call: ChatCall, dialect: Dialect, head: ResponseHead, value: Any
) -> Sequence[ChatEvent]:
    """Return the events of a body that has been parsed; see `whole`."""
    if not isinstance(value, dict):
        raise protocol_error("it is not a JSON object", upstream_status=head.status)
    choice = next(iter(objects_in(value, "choices")), {})
    for holder in (value, choice):
        if holder.get("error"):
            raise failure_in_answer(dialect, head, holder)
    if not choice:
        raise protocol_error("it holds no choice", upstream_status=head.status)
    answer = Answer(
        call,
        dialect,
        head,
        finish=text_in(choice, "finish_reason"),
        usage=object_in(value, "usage") or None,
    )
    events: list[ChatEvent] = [answer.started(value)]
    answer.read(object_in(choice, "message") or {"content": choice.get("text")}, events)
    events += answer.ending()
    return events
