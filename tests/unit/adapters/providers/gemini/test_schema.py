"""What is sent fits the types of Google's own SDK, where their schemas are found."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given, settings

from domain.model.call import ChatCall
from domain.model.chat import ChatRequest
from tests.unit.adapters.providers.gemini.asking import CODEC
from tests.unit.adapters.providers.gemini.conversations import requests

SPECS = (
    Path(__file__).parents[6] / "shared" / "specs" / "gemini-from-google-genai-3.4.0.schemas.json"
)
pytestmark = pytest.mark.skipif(
    not SPECS.exists(), reason=f"the schemas of the SDK are not there: {SPECS}"
)


@lru_cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(orjson.loads(SPECS.read_bytes())[name])


@settings(max_examples=40)
@given(requests())
def test_a_request_fits_the_sdks_types(request: ChatRequest) -> None:
    body: dict[str, Any] = orjson.loads(CODEC.encode(ChatCall(request=request)).body)
    for turn in body.pop("contents"):
        validator("Content").validate(turn)
    # The SDK's configuration is the rest of the request, flattened.
    config = body.pop("generationConfig", {})
    for tool in body.get("tools", ()):
        validator("Tool").validate(tool)
    if "toolConfig" in body:
        validator("ToolConfig").validate(body["toolConfig"])
    validator("GenerateContentConfig").validate({**config, **body})
