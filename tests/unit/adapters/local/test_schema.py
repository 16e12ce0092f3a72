"""Laws of the schemas that the embedded model can be held to."""

import json
from typing import Any

import pytest

from adapters.local.schema import MAX_SCHEMA_BYTES, parse_schema


def nested(keyword: str, value: Any) -> str:
    return json.dumps({"properties": {"a": {"anyOf": [{keyword: value}]}}})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (json.dumps({"enum": ["x" * MAX_SCHEMA_BYTES]}), "longer than the 8192 bytes"),
        ("{", "not JSON"),
        ("[" * 8000, "not JSON"),
        (nested("minLength", 1001), "minLength is more than the 1000"),
        (nested("maxItems", 1e9), "maxItems is more than the 1000"),
        (nested("pattern", "a+"), "pattern must begin"),
        (nested("pattern", "^a{5000}$"), "pattern is more than the 1000"),
        (nested("pattern", "^a{1,5000}$"), "pattern is more than the 1000"),
        (nested("pattern", "^" + "(" + "9" * 3000 + ")$"), ""),
    ],
)
def test_what_cannot_be_held_is_refused_with_the_reason(text: str, problem: str) -> None:
    if not problem:
        assert parse_schema(text) == json.loads(text)
        return
    with pytest.raises(ValueError, match=problem):
        parse_schema(text)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "maxLength": 1000, "pattern": "^[a-z]{2,5}$"},
        {"properties": {"pattern": {"type": "string"}, "maxLength": {"type": "integer"}}},
        {"enum": [{"pattern": "a", "minLength": 9999}], "default": {"pattern": "a"}},
        True,
    ],
)
def test_what_can_be_held_is_taken_as_it_is(schema: object) -> None:
    assert parse_schema(json.dumps(schema)) == schema
