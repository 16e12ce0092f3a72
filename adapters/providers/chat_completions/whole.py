"""A whole Chat Completions answer as events.

Laws: a good status does not make a good answer; an error in the body, at the top or in the choice,
counts. What a failed answer says that it cost is told before its failure.
"""

from collections.abc import Iterable, Sequence

from adapters.providers.chat_completions.answer import Answer
from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.failure import failure_in_answer
from adapters.providers.chat_completions.usage import usage_of
from adapters.wire.codec import ResponseHead
from adapters.wire.failures import failed_after, no_answer, protocol_error
from adapters.wire.lookup import json_of, object_in, objects_in, text_in
from domain.model.call import ChatCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, UsageReported
from domain.model.json_value import JsonObject
from domain.model.usage import UsageSource


def whole(call: ChatCall, dialect: Dialect, head: ResponseHead, body: bytes) -> Iterable[ChatEvent]:
    """Return the events of `body`.

    Raises:
        ChatError: It holds an error, or makes no sense.
    """
    value = json_of(body)
    if not isinstance(value, dict):
        raise no_answer(body, "it is not a JSON object", upstream_status=head.status)
    return whole_value(call, dialect, head, value)


def whole_value(
    call: ChatCall, dialect: Dialect, head: ResponseHead, value: JsonObject
) -> Iterable[ChatEvent]:
    """Return the events of a body that has been parsed; see `whole`."""
    try:
        return _answered(call, dialect, head, value)
    except ChatError as failure:
        usage = object_in(value, "usage")
        cost = [UsageReported(usage_of(usage, UsageSource.PROVIDER_PARTIAL))] if usage else []
        return failed_after(cost, failure)


def _answered(
    call: ChatCall, dialect: Dialect, head: ResponseHead, value: JsonObject
) -> Sequence[ChatEvent]:
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
