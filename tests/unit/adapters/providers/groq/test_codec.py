"""Groq is the dialect with other words."""

import json

from adapters.providers.groq.codec import groq_codec
from adapters.wire.codec import ResponseHead
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.errors import ErrorReason

CODEC = groq_codec()
TALK = tuple(Message(role=role, parts=(Text(text="a"),)) for role in (Role.DEVELOPER, Role.USER))
CALL = ChatCall(
    request=ChatRequest(model="openai/gpt-oss-20b", messages=TALK, max_tokens=9),
    delivery=Delivery.STREAMED,
)


def test_a_question_in_groqs_words() -> None:
    assert json.loads(CODEC.encode(CALL).body) == {
        "model": "openai/gpt-oss-20b",
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "user", "content": "a"},
        ],
        "max_completion_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_call_that_the_model_spoiled_is_not_tried_again_as_it_is() -> None:
    body = b'{"error":{"message":"m","type":"invalid_request_error","code":"tool_use_failed"}}'
    error = CODEC.failure(CALL, ResponseHead(500, {}), body)
    assert (error.reason, error.retryable) == (ErrorReason.PROVIDER_REJECTED_REQUEST, False)


def test_its_models_are_listed_and_others_passed_on() -> None:
    assert CODEC.models()[0].model == "llama-3.3-70b-versatile"
    assert CODEC.info("another") is not None
