"""Laws of the embedded model's answers and failures, played by a scripted llama.cpp."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
import trio.testing

from adapters.local.provider import Local
from domain.model.chat import JsonSchemaFormat
from domain.model.errors import ChatError, ErrorReason, InvalidRequest
from domain.model.events import Finished, Started, TextDelta, UsageReported
from domain.model.json_value import JsonObject
from domain.model.tools import Tool
from ports.provider import Provider
from tests.support.local_fake import Script, answer, call, plays, progress, text
from tests.support.local_open import opened, read


def raises(error: Exception) -> Script:
    def script(_: JsonObject, __: Callable[[Any], bool]) -> object:
        raise error

    return script


async def failure(script: Script, **request: Any) -> ChatError:
    """Return what the call ends in; its slot must be free again."""
    async with opened(script) as local:
        with pytest.raises(ChatError) as caught:
            await read(local, **request)
        await local.engine.quiet()
        assert local.engine.free_slots == 2
    return caught.value


async def test_an_answer_streams_from_start_to_finish() -> None:
    async with opened(plays(answer("a", "b"))) as local:
        events = await read(local)
    assert isinstance(events[0], Started)
    assert isinstance(events[1], UsageReported)
    assert "".join(each.text for each in events if isinstance(each, TextDelta)) == "ab"
    assert isinstance(events[-1], Finished)


async def test_it_is_a_provider_with_one_model_without_tools() -> None:
    async with opened(plays(())) as local:
        provider: Provider = local
        (info,) = provider.models()
        assert (info.provider, info.model) == ("local", "smollm2-135m-instruct")
        assert info.context_tokens == 2048
        assert "tools" not in info.features
        assert provider.info(info.model) == info
        assert provider.info("gpt-5") is None


async def test_each_step_passes_a_checkpoint() -> None:
    async with opened(plays(answer("a"))) as local, local.stream(call()) as events:
        finished = False
        while not finished:
            with trio.testing.assert_checkpoints():
                finished = isinstance(await anext(events), Finished)
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_text_that_came_meanwhile_is_one_piece() -> None:
    async with opened(plays(answer("a", "b", "c"))) as local, local.stream(call()) as events:
        # The whole answer is made while nobody reads.
        await local.engine.quiet()
        assert local.engine.free_slots == 2
        kinds = [event async for event in events]
    assert kinds[2] == TextDelta("abc")
    assert len(kinds) == 4


async def test_a_call_that_the_model_cannot_read_starts_nothing() -> None:
    async with opened(plays(())) as local:
        with pytest.raises(InvalidRequest, match="tools"):
            await read(local, tools=(Tool(name="f"),))
        assert local.engine.free_slots == 2


async def test_a_prompt_that_is_too_long_stops_the_thread_that_began_it() -> None:
    said: list[bool] = []

    def script(_: JsonObject, callback: Callable[[Any], bool]) -> object:
        said.append(callback(progress(total=1537)))
        while not callback(text("x")):
            pass
        return None

    error = await failure(script)
    assert isinstance(error, InvalidRequest)
    assert "1537" in error.message
    assert "1536" in error.message
    assert said == [False]


@pytest.mark.parametrize("error", [ValueError("bad"), TypeError("bad")])
async def test_a_body_that_is_refused_outright_is_the_schemas_fault_if_there_is_one(
    error: Exception,
) -> None:
    schema = JsonSchemaFormat(name="n", schema="{}")
    refused = await failure(raises(error), response_format=schema)
    assert isinstance(refused, InvalidRequest)
    assert (await failure(raises(error))).reason is ErrorReason.PROVIDER_REJECTED_REQUEST


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (raises(RuntimeError("broken")), ErrorReason.PROVIDER_SERVER_ERROR),
        (
            plays((), end={"error": {"type": "server_error", "message": "broken"}}),
            ErrorReason.PROVIDER_SERVER_ERROR,
        ),
        (plays([progress(), "nonsense"]), ErrorReason.PROVIDER_PROTOCOL_ERROR),
        (plays(answer("a", "b")[:-1]), ErrorReason.PROVIDER_STREAM_TRUNCATED),
        (plays(()), ErrorReason.PROVIDER_STREAM_TRUNCATED),
    ],
    ids=["raised", "returned", "nonsense", "no end", "nothing"],
)
async def test_whatever_goes_wrong_is_told_and_frees_the_slot(
    script: Script, reason: ErrorReason
) -> None:
    assert (await failure(script)).reason is reason


async def test_an_error_in_reading_a_chunk_stops_the_thread() -> None:
    stopped: list[bool] = []

    def script(_: JsonObject, callback: Callable[[Any], bool]) -> object:
        callback("nonsense")
        while not callback(text("x")):
            pass
        stopped.append(True)
        return None

    await failure(script)
    assert stopped == [True]


def test_it_runs_on_asyncio_too() -> None:
    async def main() -> int:
        async with opened(plays(answer("a"))) as local:
            return len(await read_whole(local))

    assert anyio.run(main, backend="asyncio") == 4


async def read_whole(local: Local) -> list[object]:
    async with local.stream(call()) as events:
        await local.engine.quiet()
        return [event async for event in events]
