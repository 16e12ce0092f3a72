"""Asks the OpenAI codec and says what is sent."""

import json
from collections.abc import Mapping
from typing import Any

from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, Role, Text, UnsupportedParams
from domain.model.errors import InvalidRequest

CODEC = openai_codec(OpenAIConfig())
HELLO = (Message(role=Role.USER, parts=(Text(text="hello"),)),)
LENIENT = UnsupportedParams.WARN_AND_DROP


def call(model: str, *, delivery: Delivery = Delivery.WHOLE, **fields: Any) -> ChatCall:
    asked: dict[str, Any] = {"messages": HELLO, **fields}
    return ChatCall(request=ChatRequest(model=model, **asked), delivery=delivery)


def sent(model: str, **fields: Any) -> dict[str, Any]:
    """Return the body, but for what every request has."""
    body = json.loads(CODEC.encode(call(model, **fields)).body)
    assert body.pop("model") == model
    if "messages" not in fields:
        del body["messages"]
    found: dict[str, Any] = body
    return found


def warned(model: str, **fields: Any) -> list[tuple[str, str]]:
    """Return code and message of each warning."""
    return [(each.code, each.message) for each in CODEC.encode(call(model, **fields)).warnings]


def refused(model: str, **fields: Any) -> Mapping[str, str]:
    """Return what is refused, by its path."""
    try:
        CODEC.encode(call(model, **fields))
    except InvalidRequest as error:
        return {each.field: each.description for each in error.violations}
    return {}
