"""OpenRouter's words for what went wrong are all understood."""

import json
import re

import pytest

from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from adapters.providers.openrouter.failure import WORDS
from adapters.wire.codec import ResponseHead
from domain.model.errors import ErrorReason
from tests.support.chat_contract import SPECS, a_call

CODEC = openrouter_codec(OpenRouterConfig())


def test_every_word_of_theirs_has_a_meaning() -> None:
    specification = SPECS / "openrouter-openapi.yaml"
    if not specification.exists():
        pytest.skip(f"the specification is not there: {specification}")
    listed = re.search(
        r"^    ApiErrorType:.*?enum:\n((?: +- \S+\n)+)",
        specification.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert listed is not None
    words = {line.strip(" -'\"") for line in listed[1].splitlines()}
    assert len(words) > 20
    # What they cannot tell themselves is told by its status.
    assert words - WORDS.keys() == {"unmapped"}


@pytest.mark.parametrize(("word", "reason"), WORDS.items())
def test_a_word_wins_over_a_status(word: str, reason: ErrorReason) -> None:
    body = {"error": {"code": 500, "message": "m", "metadata": {"error_type": word}}}
    error = CODEC.failure(a_call("a/b"), ResponseHead(500, {}), json.dumps(body).encode())
    assert error.reason is reason


def test_a_word_that_says_nothing_leaves_it_to_the_status() -> None:
    body = {"error": {"code": 408, "message": "m", "metadata": {"error_type": "unmapped"}}}
    error = CODEC.failure(a_call("a/b"), ResponseHead(408, {}), json.dumps(body).encode())
    assert (error.reason, error.retryable) == (ErrorReason.PROVIDER_SERVER_ERROR, True)
