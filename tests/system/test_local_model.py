"""Laws of the embedded model as it really is: the real runtime, the real file, real tokens."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from adapters.local.config import LocalConfig
from adapters.local.llama import load_llama
from adapters.local.presence import missing
from adapters.local.provider import Local, open_local
from domain.model.chat import JsonObjectFormat, JsonSchemaFormat, Message, Role, Text
from domain.model.errors import ErrorReason, InvalidRequest, ProviderFailure
from domain.model.events import Finished, FinishReason, Started, TextDelta, UsageReported
from domain.model.usage import UsageSource
from tests.support.local_llama_http import open_llama_http, shared_llama
from tests.support.local_open import read

CONFIG = LocalConfig()
pytestmark = pytest.mark.skipif(missing(CONFIG) is not None, reason=missing(CONFIG) or "")


@pytest.fixture
async def local() -> AsyncIterator[Local]:
    await trio.to_thread.run_sync(shared_llama)
    async with open_local(CONFIG, loader=lambda _: shared_llama()) as provider:
        yield provider


def said(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_it_streams_real_tokens_with_real_usage(local: Local) -> None:
    first, reported, *content, last = await read(
        local, content="Count from one to five.", max_tokens=24, temperature=0
    )
    assert isinstance(first, Started)
    assert (first.provider, first.model) == ("local", "smollm2-135m-instruct")
    assert first.id
    assert isinstance(reported, UsageReported)
    assert len([event for event in content if isinstance(event, TextDelta)]) == len(content) > 5
    assert isinstance(last, Finished)
    assert last.usage.source is UsageSource.PROVIDER_FINAL
    assert last.usage.input_tokens == reported.usage.input_tokens
    assert last.usage.input_tokens is not None
    assert last.usage.input_tokens > 20
    assert last.usage.output_tokens == 24
    assert last.reason is FinishReason.MAX_TOKENS


async def test_a_prompt_that_came_before_is_read_from_the_cache(local: Local) -> None:
    usages = [(await read(local, content="Hello again", max_tokens=2))[-1] for _ in range(3)]
    last = usages[-1]
    assert isinstance(last, Finished)
    assert last.usage.cache_read_tokens
    assert last.usage.raw is not None


async def test_temperature_zero_and_a_seed_repeat(local: Local) -> None:
    cold = [said(await read(local, max_tokens=12, temperature=0)) for _ in range(2)]
    assert cold[0] == cold[1] != ""
    warm = [said(await read(local, max_tokens=12, temperature=1.5, seed=7)) for _ in range(2)]
    assert warm[0] == warm[1]
    assert warm[0] != said(await read(local, max_tokens=12, temperature=1.5, seed=8))


async def test_a_narrow_choice_is_the_likeliest_one(local: Local) -> None:
    likeliest = said(await read(local, max_tokens=8, temperature=0))
    assert said(await read(local, max_tokens=8, temperature=2.0, top_k=1)) == likeliest
    assert said(await read(local, max_tokens=8, temperature=2.0, top_p=0.0)) == likeliest


async def test_penalties_change_what_is_said(local: Local) -> None:
    ask: dict[str, Any] = {"content": "Name three colors", "max_tokens": 24, "temperature": 0}
    plain = said(await read(local, **ask))
    assert said(await read(local, **ask, presence_penalty=2.0)) != plain
    assert said(await read(local, **ask, frequency_penalty=2.0)) != plain


async def test_a_stop_sequence_ends_the_answer_and_is_not_part_of_it(local: Local) -> None:
    ask: dict[str, Any] = {"content": "Name three colors", "max_tokens": 24, "temperature": 0}
    word = said(await read(local, **ask)).split()[3]
    *events, last = await read(local, **ask, stop=(word,))
    assert word not in said(events)
    assert isinstance(last, Finished)
    assert last.reason is FinishReason.STOP


async def test_the_system_and_what_was_said_before_are_heard(local: Local) -> None:
    def message(role: Role, text: str) -> Message:
        return Message(role=role, parts=(Text(text=text),))

    messages = (
        message(Role.DEVELOPER, "You only speak French."),
        message(Role.USER, "hi"),
        message(Role.ASSISTANT, "Bonjour!"),
        message(Role.USER, "How are you?"),
    )
    plain = await read(local, content="How are you?", max_tokens=8, temperature=0)
    talked = await read(local, messages=messages, max_tokens=8, temperature=0)
    assert said(talked) != said(plain)


async def test_a_json_schema_holds_even_for_this_model(local: Local) -> None:
    schema = {
        "type": "object",
        "properties": {"color": {"type": "string", "maxLength": 8}, "n": {"enum": [1, 2]}},
        "required": ["color", "n"],
        "additionalProperties": False,
    }
    events = await read(
        local,
        content="Give me a color in a ```json code block",
        max_tokens=80,
        seed=3,
        response_format=JsonSchemaFormat(name="color", schema=json.dumps(schema)),
    )
    answer = json.loads(said(events))
    assert set(answer) == {"color", "n"}
    assert answer["n"] in (1, 2)


async def test_a_json_object_is_one(local: Local) -> None:
    events = await read(local, max_tokens=60, seed=1, response_format=JsonObjectFormat())
    text = said(events)
    assert text.lstrip().startswith("{")
    last = events[-1]
    assert isinstance(last, Finished)
    if last.reason is FinishReason.STOP:
        assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize("schema", ['{"type": "nonsense"}', '{"$ref": "#/none"}'])
async def test_a_schema_that_cannot_be_held_is_the_callers_to_mend(
    local: Local, schema: str
) -> None:
    with pytest.raises(InvalidRequest, match=r"response_format\.json_schema\.schema"):
        await read(local, response_format=JsonSchemaFormat(name="n", schema=schema))


async def test_text_that_is_no_text_is_refused(local: Local) -> None:
    with pytest.raises(ProviderFailure) as caught:
        await read(local, content="\ud800")
    assert caught.value.reason is ErrorReason.PROVIDER_REJECTED_REQUEST


@pytest.mark.parametrize("words", [1700, 5000])
async def test_a_prompt_that_is_too_long_is_counted_and_refused_at_once(
    local: Local, words: int
) -> None:
    begin_s = time.monotonic()
    with pytest.raises(InvalidRequest, match=rf"messages: have {words // 1000}\d\d\d tokens.*1536"):
        await read(local, content="word " * words)
    # Reading it would take more than 5 s; one batch of the call before may have to end first.
    assert time.monotonic() - begin_s < 3.0


async def test_the_listener_takes_its_key_only() -> None:
    async with open_llama_http() as upstream:

        def post(key: str) -> Any:
            body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
            request = urllib.request.Request(
                f"{upstream.base_url}/chat/completions",
                json.dumps(body).encode(),
                {"authorization": f"Bearer {key}", "content-type": "application/json"},
            )
            try:
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        good = await trio.to_thread.run_sync(post, upstream.api_key)
        assert good["usage"]["completion_tokens"] == 2
        assert await trio.to_thread.run_sync(post, "guess") == 401


async def test_a_file_that_is_no_model_is_told(tmp_path: Any) -> None:
    path = tmp_path / "no.gguf"
    path.write_bytes(b"GGUF, but no more")
    with pytest.raises(ProviderFailure, match=r"no\.gguf cannot be loaded"):
        await trio.to_thread.run_sync(load_llama, LocalConfig(model_path=path))
