"""Laws of the embedded model as it really is: the real runtime, the real file, real tokens."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from adapters.local.config import LocalConfig
from adapters.local.llama import load_llama
from adapters.local.presence import BUNDLED_SHA256, missing
from adapters.local.provider import CLOSE_S, Local, open_local
from domain.model.chat import JsonObjectFormat, JsonSchemaFormat, Message, Role, Text
from domain.model.errors import ChatError, ErrorReason, InvalidRequest, ProviderFailure
from domain.model.events import Finished, FinishReason, Started, TextDelta, UsageReported
from domain.model.usage import UsageSource
from tests.support.local_fake import call
from tests.support.local_llama_http import open_llama_http, shared_llama
from tests.support.local_open import read

CONFIG = LocalConfig()
pytestmark = pytest.mark.skipif(missing(CONFIG) is not None, reason=missing(CONFIG) or "")

GENEROUS_S = 0.5
"""What must happen at once happens within this, on a busy machine."""

ENDLESS: dict[str, Any] = {"max_tokens": 1500, "provider_options": {"local": {"ignore_eos": True}}}


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


async def test_leaving_returns_at_once_and_frees_the_slot_within_a_token(local: Local) -> None:
    async with local.stream(call(**ENDLESS)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
        left_s = time.monotonic()
    back_s = time.monotonic() - left_s
    await local.engine.quiet()
    free_s = time.monotonic() - left_s
    assert back_s < GENEROUS_S
    assert free_s < GENEROUS_S
    assert local.engine.free_slots == CONFIG.slots


async def test_leaving_while_the_prompt_is_read_frees_the_slot_within_a_batch(local: Local) -> None:
    async with local.stream(call(content="alpha beta gamma " * 400)) as events:
        assert isinstance(await anext(events), Started)
        left_s = time.monotonic()
    assert time.monotonic() - left_s < GENEROUS_S
    await local.engine.quiet()
    # The whole prompt takes 4-9 s.
    assert time.monotonic() - left_s < 3.0


async def test_answers_share_the_model_and_one_more_waits(local: Local) -> None:
    send, began = trio.open_memory_channel[int](3)
    scopes = [trio.CancelScope() for _ in range(3)]

    async def ask(index: int) -> None:
        with scopes[index]:
            async with local.stream(call(**ENDLESS)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        await send.send(index)
                        break
                await trio.sleep_forever()

    async with trio.open_nursery() as callers:
        for index in range(3):
            callers.start_soon(ask, index)
        with trio.fail_after(20):
            two = {await began.receive(), await began.receive()}
            assert local.engine.free_slots == 0
            scopes[two.pop()].cancel()
            assert await began.receive() not in two
        callers.cancel_scope.cancel()
    await local.engine.quiet()
    assert local.engine.free_slots == CONFIG.slots


async def test_leaving_at_any_point_leaves_every_slot_free(local: Local) -> None:
    async def ask(steps: int) -> None:
        async with local.stream(call(f"{steps} times " * 10, **ENDLESS)) as events:
            for _ in range(steps):
                await anext(events)

    async with trio.open_nursery() as callers:
        for steps in (3, 0, 7, 1, 2, 5, 0, 4, 1, 9, 2, 3):
            callers.start_soon(ask, steps)
    await local.engine.quiet()
    assert local.engine.free_slots == CONFIG.slots
    assert isinstance((await read(local, max_tokens=2))[-1], Finished)


async def test_an_answer_that_nobody_reads_is_made_and_frees_its_slot(local: Local) -> None:
    async with local.stream(call(max_tokens=16, temperature=0)) as events:
        await local.engine.quiet()
        assert local.engine.free_slots == CONFIG.slots
        everything = [event async for event in events]
    # Started, what the prompt cost, all the text in one piece, Finished.
    assert len(everything) == 4


async def test_closing_ends_an_answer_and_the_listener() -> None:
    config = LocalConfig(context_tokens=1024, slots=1, sha256=BUNDLED_SHA256)
    llamas = [await trio.to_thread.run_sync(load_llama, config)]
    address = llamas[0].listening_address
    reading, ended = trio.Event(), list[ErrorReason]()

    async def reader(provider: Local) -> None:
        try:
            async with provider.stream(call(**ENDLESS)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        reading.set()
        except ChatError as error:
            ended.append(error.reason)

    async with trio.open_nursery() as callers:
        async with open_local(config, loader=lambda _: llamas.pop()) as provider:
            callers.start_soon(reader, provider)
            await reading.wait()
            begin_s = time.monotonic()
        assert time.monotonic() - begin_s < CLOSE_S
    assert ended == [ErrorReason.PROVIDER_STREAM_TRUNCATED]
    with pytest.raises(urllib.error.URLError, match="refused"):
        await trio.to_thread.run_sync(urllib.request.urlopen, f"{address}/health")


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


PROGRAM = """
import sys, trio
from adapters.local.provider import open_local
from domain.model.errors import InvalidRequest
from tests.support.local_fake import call

async def main():
    assert "xllamacpp" not in sys.modules
    async with open_local() as local:
        async with local.stream(call(max_tokens=1500)) as events:
            for _ in range(4):
                await anext(events)
        try:
            async with local.stream(call(content="word " * 3000)) as events:
                await anext(events)
        except InvalidRequest:
            print("refused")
        async with local.stream(call(max_tokens=1500)) as events:
            await anext(events)
            if sys.argv[1] == "interrupted":
                raise KeyboardInterrupt

try:
    trio.run(main)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("how", "out"), [("ended", "refused\n"), ("interrupted", "refused\ninterrupted\n")]
)
async def test_a_program_ends_cleanly_and_llama_prints_nothing(how: str, out: str) -> None:
    done = await trio.run_process(
        [sys.executable, "-c", PROGRAM, how],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, out, "")
