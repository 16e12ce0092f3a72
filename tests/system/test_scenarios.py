"""What callers do with a provider, for each one: a real client, our server, a provider on a real socket."""

import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from domain.model.usage import AttemptOutcome
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.assembled import assembled
from tests.support.scripted_upstream import Asked, ScriptedUpstream, json_answer, open_upstream
from tests.support.speaker import NO_SUCH_MODEL, THOUGHT, USAGE, Said, Speaker
from tests.support.speakers import SPEAKERS
from tests.support.system_gateway import Gateway, Stub, ask, in_thread, open_gateway, refusal, stub
from tests.support.system_stream import checked

HELLO = Said("Grüße, 東京 🌦️")
# Nine letters and digits, which is what Mistral makes; the others take any.
CALL_ID = "aB3dE5fG7"
CALL = Said(call_id=CALL_ID)
TOOL = pb.Tool(name="weather", parameters_json_schema='{"type": "object", "z": 1, "a": 2}')
SCHEMA = '{"type":"object","properties":{"rain":{"type":"boolean"}},"required":["rain"]}'
by_provider = pytest.mark.parametrize("name", SPEAKERS)
either_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@asynccontextmanager
async def served(
    name: str, said: Said = HELLO, key: str = "sk-test"
) -> AsyncIterator[tuple[Speaker, ScriptedUpstream, Gateway]]:
    speaker = SPEAKERS[name]
    async with open_upstream(partial(speaker.answer, said)) as upstream:
        configured = {
            "kind": speaker.kind,
            "base_url": upstream.url + speaker.base,
            "api_key_env": "THE_KEY",
        }
        settings = {"local": {"enabled": False}, "providers": {name: configured}}
        async with open_gateway(settings, {"THE_KEY": key} if key else {}) as gateway:
            yield speaker, upstream, gateway


def question(name: str, **more: Any) -> pb.LLMRequest:
    return ask(name, more.pop("model", SPEAKERS[name].model), **more)


def heard(client: Stub, asked: pb.LLMRequest, streamed: bool) -> pb.ChatMessage:
    """Return the answer's message, whichever way it comes."""
    if not streamed:
        return client.invoke(asked, timeout=60).message
    events = list(client.stream(asked, timeout=60))
    checked(events)
    return assembled(events)


def text_of(message: pb.ChatMessage) -> str:
    return "".join(part.text for part in message.parts)


@either_way
@by_provider
async def test_a_call_is_answered_with_its_usage_under_our_key(name: str, streamed: bool) -> None:
    async with served(name) as (speaker, upstream, gateway):

        def work() -> None:
            with stub(gateway.address) as client:
                assert text_of(heard(client, question(name), streamed)) == HELLO.text

        await in_thread(work)
        (asked,) = upstream.asked
        header, value = speaker.key
        assert asked.headers[header] == value
        assert (speaker.model_of(asked), speaker.streams(asked)) == (speaker.model, streamed)
        (record,) = gateway.log.records
        assert record.attempt.outcome is AttemptOutcome.SERVED
        usage = record.attempt.usage
        assert (usage.input_tokens, usage.output_tokens) == (USAGE["input"], USAGE["output"])


@by_provider
async def test_what_was_said_before_goes_along_in_its_order(name: str) -> None:
    talk = [
        pb.ChatMessage(role="user", content="My name is Ada."),
        pb.ChatMessage(role="assistant", content="Hello Ada."),
        pb.ChatMessage(role="user", content="What is my name?"),
    ]
    async with served(name) as (speaker, upstream, gateway):

        def work() -> None:
            with stub(gateway.address) as client:
                heard(client, question(name, messages=talk), False)

        await in_thread(work)
        turns = speaker.turns(upstream.asked[0])
        assert len(turns) == 3
        for turn, message in zip(turns, talk, strict=True):
            assert message.content in json.dumps(turn)
        assert turns[0]["role"] == turns[2]["role"] != turns[1]["role"]


@by_provider
async def test_fifty_streams_at_once_all_come_whole(name: str) -> None:
    async with served(name) as (_, upstream, gateway):

        def work() -> None:
            with stub(gateway.address) as client, ThreadPoolExecutor(50) as pool:
                asked = [question(name, text=f"number {each}") for each in range(50)]
                messages = pool.map(partial(heard, client, streamed=True), asked)
                assert [text_of(each) for each in messages] == [HELLO.text] * 50

        await in_thread(work)
        sent = "".join(json.dumps(asked.body) for asked in upstream.asked)
        assert all(f'"number {each}"' in sent for each in range(50))
        outcomes = [record.attempt.outcome for record in gateway.log.records]
        assert outcomes == [AttemptOutcome.SERVED] * 50


@by_provider
async def test_a_long_prompt_arrives_whole(name: str) -> None:
    prompt = "é" * 50_000 + " end"  # 100 KB of UTF-8
    async with served(name) as (speaker, upstream, gateway):

        def work() -> None:
            with stub(gateway.address) as client:
                assert text_of(heard(client, question(name, text=prompt), True)) == HELLO.text

        await in_thread(work)
        (turn,) = speaker.turns(upstream.asked[0])
        assert prompt in json.dumps(turn, ensure_ascii=False)


@by_provider
async def test_parameters_stand_on_the_wire_where_the_provider_wants_them(name: str) -> None:
    tuned = question(name, temperature=0.5, top_p=0.25, stop=["END"], max_tokens=99)
    if "seed" not in SPEAKERS[name].lacks:
        tuned.seed = 7
    async with served(name) as (speaker, upstream, gateway):

        def work() -> None:
            with stub(gateway.address) as client:
                heard(client, tuned, False)

        await in_thread(work)
        body = upstream.asked[0].body
        assert {key: body.get(key) for key in speaker.parameters} == speaker.parameters


@either_way
@by_provider
async def test_a_model_that_there_is_not_is_the_callers_mistake(name: str, streamed: bool) -> None:
    async with served(name) as (_, upstream, gateway):

        def work() -> None:
            with stub(gateway.address) as client:
                asked = question(name, model=NO_SUCH_MODEL)
                refused = refusal(lambda: heard(client, asked, streamed))
            assert (refused.reason, refused.code.name) == ("CALLER_MODEL_UNKNOWN", "NOT_FOUND")

        await in_thread(work)
        # Whose names are known to us is not even asked.
        assert len(upstream.asked) <= 1


@by_provider
async def test_without_a_key_nobody_is_asked_and_the_remedy_is_named(name: str) -> None:
    async with served(name, key="") as (_, upstream, gateway):

        def work() -> None:
            with stub(gateway.address) as client:
                refused = refusal(lambda: heard(client, question(name), False))
            assert refused.reason == "PROVIDER_NOT_CONFIGURED"
            assert "THE_KEY" in refused.message

        await in_thread(work)
        assert upstream.asked == []


@either_way
@by_provider
async def test_a_call_its_result_and_the_answer_go_round(name: str, streamed: bool) -> None:
    """The provider itself looks at what comes back, and refuses it if anything is not as it gave it."""
    asked = question(name, text="How is the weather?", tools=[TOOL])
    if SPEAKERS[name].thinks:
        asked.reasoning.include_content = True
    async with served(name, CALL) as (speaker, upstream, gateway):
        wanted = speaker.answers(CALL_ID)

        def strict(answered: Asked) -> bytes:
            back = speaker.turns(answered)[1:]
            if back != wanted:
                told = f"not what I said: {json.dumps(back)} and not {json.dumps(wanted)}"
                return json_answer({"error": {"message": told}}, "400 Bad Request")
            return speaker.answer(HELLO, answered)

        def work() -> None:
            with stub(gateway.address) as client:
                message = heard(client, asked, streamed)
                *_, call = message.parts
                assert call.tool_call.name == "weather"
                assert json.loads(call.tool_call.arguments_json) == {"city": "Köln"}
                thoughts = "".join(part.reasoning.text for part in message.parts)
                assert thoughts == (THOUGHT if speaker.thinks else "")
                upstream.answer = strict
                result = pb.ToolResult(
                    tool_call_id=call.tool_call.id, content=[pb.ContentPart(text="rain")]
                )
                parts = [pb.ContentPart(tool_result=result)]
                asked.messages.extend([message, pb.ChatMessage(role="tool", parts=parts)])
                assert text_of(heard(client, asked, streamed)) == HELLO.text

        await in_thread(work)
        assert len(upstream.asked) == 2


@either_way
@by_provider
async def test_a_structured_answer_is_asked_for_byte_for_byte_and_can_be_parsed(
    name: str, streamed: bool
) -> None:
    asked = question(name)
    asked.response_format.json_schema.name = "weather"
    asked.response_format.json_schema.schema = SCHEMA
    async with served(name, Said('{"rain": true}')) as (speaker, upstream, gateway):

        def work() -> None:
            with stub(gateway.address) as client:
                if "json_schema" in speaker.lacks:
                    refused = refusal(lambda: heard(client, asked, streamed))
                    assert refused.reason == "CALLER_INVALID_REQUEST"
                    return
                assert json.loads(text_of(heard(client, asked, streamed))) == {"rain": True}

        await in_thread(work)
        if not upstream.asked:
            return
        sent = speaker.format(upstream.asked[0].body)
        assert json.dumps(sent, separators=(",", ":")) == SCHEMA
