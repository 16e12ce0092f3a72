"""The service in process: no socket, the same laws."""

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, Message, Role, Text, Timeouts
from domain.model.errors import ErrorReason, NotConfigured, ProviderFailure
from domain.model.events import Finished, Started, TextDelta
from domain.model.usage import AttemptOutcome
from domain.services.fan_out import fan_out
from entrypoints.account import memory_account
from entrypoints.compose import local_config, open_service
from entrypoints.settings.loading import structure
from entrypoints.settings.local import LocalSettings
from entrypoints.settings.tree import Settings

QUESTION = Message(role=Role.USER, parts=(Text(text="Hello"),))


def settings(**scripts: Sequence[dict[str, Any]]) -> Settings:
    return structure(
        {
            "account": {"database": "memory"},
            "local": {"enabled": False},
            "providers": {
                "play": {"kind": "scripted", "models": scripts},
                "keyless": {
                    "kind": "compatible",
                    "base_url": "https://api.example.invalid/v1",
                    "api_key_env": "EXAMPLE_KEY",
                },
            },
        }
    )


def ask(model: str, provider: str = "play", **more: Any) -> ChatCall:
    return ChatCall(
        request=ChatRequest(provider=provider, model=model, messages=(QUESTION,), **more)
    )


async def test_a_stream_is_started_said_and_finished_and_leaves_its_record() -> None:
    log = MemoryUsageLog()
    async with (
        open_service(settings(hello=[{"say": "Hello"}]), account=memory_account(log)) as service,
        service.stream(ask("hello")) as events,
    ):
        found = [event async for event in events]
    assert [type(event) for event in found] == [Started, TextDelta, Finished]
    (record,) = log.records
    assert record.attempt.outcome is AttemptOutcome.SERVED
    end = found[-1]
    assert isinstance(end, Finished)
    assert end == Finished(
        reason=end.reason,
        native_reason=end.native_reason,
        usage=record.attempt.usage,
        attempts=(record.attempt,),
    )


async def test_a_whole_answer_is_one_call() -> None:
    async with open_service(settings(hello=[{"say": "Hello"}, {"say": " world"}])) as service:
        answer = await service.answer(ask("hello"))
    assert answer.content == "Hello world"


async def test_leaving_the_block_cancels_the_attempt() -> None:
    log = MemoryUsageLog()
    async with open_service(
        settings(hang=[{"say": "Hello"}, {"stall": True}]), account=memory_account(log)
    ) as service:
        async with service.stream(ask("hang")) as events:
            assert isinstance(await anext(events), Started)
        (record,) = log.records
    assert record.attempt.outcome is AttemptOutcome.CANCELLED


async def test_a_deadline_around_the_block_is_the_calls_deadline(autojump_clock: MockClock) -> None:
    log = MemoryUsageLog()
    async with open_service(
        settings(hang=[{"stall": True}]), account=memory_account(log)
    ) as service:
        with anyio.move_on_after(7):
            await service.answer(ask("hang"))
    (record,) = log.records
    assert record.attempt.outcome is AttemptOutcome.DEADLINE
    assert record.attempt.total_s == 7.0


async def test_the_calls_own_patience_is_kept(autojump_clock: MockClock) -> None:
    async with open_service(settings(hang=[{"stall": True}])) as service:
        with pytest.raises(ProviderFailure) as caught:
            await service.answer(ask("hang", timeouts=Timeouts(first_token_s=3)))
    assert caught.value.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN


async def test_a_provider_without_its_key_says_which_variable_to_set() -> None:
    told: list[str] = []
    log = MemoryUsageLog()
    async with open_service(
        settings(any=[{"say": "x"}]),
        environment={},
        account=memory_account(log),
        progress=told.append,
    ) as service:
        with pytest.raises(NotConfigured, match="EXAMPLE_KEY"):
            await service.answer(ask("any", provider="keyless"))
    assert log.records == ()
    assert any("EXAMPLE_KEY" in sentence for sentence in told)


async def test_keys_come_from_a_variable_or_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-planted\n")
    for environment in ({"EXAMPLE_KEY": "sk-planted, sk-second"}, {"EXAMPLE_KEY_FILE": str(file)}):
        told: list[str] = []
        async with open_service(
            settings(any=[{"say": "x"}]), environment=environment, progress=told.append
        ) as service:
            assert "planted" not in repr(service)
        assert not any("keyless" in sentence for sentence in told)


async def test_several_answers_stream_at_once(autojump_clock: MockClock) -> None:
    script = [{"chunks": {"count": 3, "every_s": 1.0, "text": "x "}}]
    async with (
        open_service(settings(paced=script)) as service,
        fan_out(service, [ask("paced") for _ in range(5)]) as parts,
    ):
        seen = [part.index async for part in parts if isinstance(part.event, TextDelta)]
    assert sorted(seen) == [index for index in range(5) for _ in range(3)]
    assert set(seen[:5]) == set(range(5))


async def test_opening_and_closing_leaves_nothing_behind() -> None:
    async with open_service(settings(any=[{"say": "x"}])):
        pass
    gc.collect()


def test_the_embedded_model_runs_as_the_settings_say() -> None:
    config = local_config(
        LocalSettings(model="m", model_path="/models/m.gguf", slots=3, load="eager")
    )
    assert (config.model, config.slots, config.load) == ("m", 3, "eager")
    assert config.model_path == Path("/models/m.gguf")


NATIVE_KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}


@pytest.mark.parametrize("provider", NATIVE_KEYS)
async def test_a_known_provider_without_its_key_names_the_variable_of_the_world(
    provider: str,
) -> None:
    async with open_service(settings(any=[{"say": "x"}]), environment={}) as service:
        with pytest.raises(NotConfigured, match=NATIVE_KEYS[provider]):
            await service.answer(ask("any-model", provider=provider))
        assert all(model.provider != provider for model in service.models())


async def test_known_providers_list_their_models_once_they_have_a_key() -> None:
    environment = dict.fromkeys(NATIVE_KEYS.values(), "sk-planted")
    async with open_service(settings(any=[{"say": "x"}]), environment=environment) as service:
        assert {"openai", "anthropic", "gemini"} <= {model.provider for model in service.models()}
        assert "planted" not in repr(service)


async def test_an_address_that_would_show_the_key_is_refused() -> None:
    environment = {"OPENAI_API_KEY": "sk-planted", "OPENAI_BASE_URL": "http://far.example/v1"}
    async with open_service(settings(any=[{"say": "x"}]), environment=environment) as service:
        with pytest.raises(NotConfigured, match=r"OPENAI_BASE_URL.*plain http"):
            await service.answer(ask("m", provider="openai"))
