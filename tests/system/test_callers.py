"""Who may call what, over a real socket with Google's client; and that no token is ever told on."""

import signal
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import called, serving
from tests.support.system_gateway import Refused, ask, in_thread, open_gateway, refusal, stub

ALICE, BOB, OLD = "alice-token-8241", "bob-token-5523", "old-token-9999"


def digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")]


HOUSE: dict[str, Any] = {
    "local": {"enabled": False},
    "providers": {
        "demo": {
            "kind": "scripted",
            "models": {"hello": [{"say": "Hello"}], "secret": [{"say": "x"}]},
        },
        "other": {"kind": "scripted", "models": {"hidden": [{"say": "x"}]}},
    },
    "callers": {
        "alice": {"token_sha256": digest(ALICE)},
        "bob": {"token_sha256": digest(BOB), "allow": ["demo/hello"]},
        "old": {"token_sha256": digest(OLD), "expires": "2020-01-01"},
    },
}


async def test_a_valid_token_is_served_and_the_account_names_its_caller() -> None:
    async with open_gateway(HOUSE) as gateway:
        with stub(gateway.address) as client:
            await in_thread(client.invoke, ask("demo", "hello"), metadata=bearer(ALICE), timeout=10)
            await in_thread(
                lambda: list(client.stream(ask("demo", "hello"), metadata=bearer(BOB), timeout=10))
            )
    assert [record.caller for record in gateway.log.records] == ["alice", "bob"]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ((), "there is no token"),
        ([("authorization", "Basic YWxpY2U=")], "not of the kind Bearer"),
        ([*bearer(ALICE), *bearer(ALICE)], "there are 2 authorizations"),
        (bearer("x" * 2000), "longer than 1024"),
        (bearer("nobody"), "nobody has this token"),
        (bearer(OLD), "expired"),
    ],
)
async def test_who_is_not_known_is_refused_whatever_is_called(
    metadata: Sequence[tuple[str, str]], said: str
) -> None:
    async with open_gateway(HOUSE) as gateway:
        with stub(gateway.address) as client:

            def refusals() -> list[Refused]:
                more: dict[str, Any] = {"metadata": metadata, "timeout": 10}
                return [
                    refusal(lambda: client.invoke(ask("demo", "hello"), **more)),
                    refusal(lambda: list(client.stream(ask("demo", "hello"), **more))),
                    refusal(lambda: client.models(pb.ListModelsRequest(), **more)),
                ]

            found = await in_thread(refusals)
    for each in found:
        assert each.code is grpc.StatusCode.UNAUTHENTICATED
        assert each.reason == "POLICY_UNAUTHENTICATED"
        assert said in each.message
        assert each.metadata["request_id"]
    assert gateway.log.records == ()


@pytest.mark.parametrize(
    ("provider", "model"),
    [("demo", "secret"), ("", "demo/secret"), ("", "secret"), ("demo", "none")],
)
async def test_a_model_that_is_not_allowed_is_named_and_no_other(provider: str, model: str) -> None:
    async with open_gateway(HOUSE) as gateway:
        with stub(gateway.address) as client:
            request = ask(provider, model)
            more: dict[str, Any] = {"metadata": bearer(BOB), "timeout": 10}
            found = await in_thread(
                lambda: [
                    refusal(lambda: client.invoke(request, **more)),
                    refusal(lambda: list(client.stream(request, **more))),
                ]
            )
    for each in found:
        assert each.code is grpc.StatusCode.PERMISSION_DENIED
        assert each.reason == "POLICY_ACCESS_DENIED"
        assert f"demo/{model.rpartition('/')[2]}" in each.message
        assert "hello" not in each.message
        assert "hidden" not in each.message


async def test_nobody_hears_of_what_they_may_not_use() -> None:
    async with open_gateway(HOUSE) as gateway:
        with stub(gateway.address) as client:

            def seen(token: str) -> list[str]:
                listed = client.models(
                    pb.ListModelsRequest(), metadata=bearer(token), timeout=10
                ).models
                return [f"{each.provider}/{each.model}" for each in listed]

            assert await in_thread(seen, ALICE) == ["demo/hello", "demo/secret", "other/hidden"]
            assert await in_thread(seen, BOB) == ["demo/hello"]
            more: dict[str, Any] = {"metadata": bearer(BOB), "timeout": 10}
            unknown = await in_thread(
                lambda: [
                    refusal(lambda: client.invoke(ask("nowhere", "hello"), **more)),
                    refusal(lambda: client.models(pb.ListModelsRequest(provider="x"), **more)),
                    refusal(lambda: client.invoke(ask("", "nothing"), **more)),
                ]
            )
    assert {each.reason for each in unknown} == {"CALLER_MODEL_UNKNOWN"}
    for each in unknown:
        assert "demo" in each.message
        assert "other" not in each.message


CONFIG = f"""
[local]
enabled = false
[providers.demo]
kind = "scripted"
models = {{ hello = [{{ say = "Hello" }}] }}
[callers.alice]
token_sha256 = "{digest(ALICE)}"
allow = ["demo/*"]
expires = 2099-01-01
"""


@pytest.mark.parametrize("engine", ["nghttp2", "h2"])
def test_no_token_is_in_any_log_or_answer_even_at_debug(tmp_path: Path, engine: str) -> None:
    wrong = "wrong-token-7777"
    with serving(
        tmp_path, CONFIG, LLMSERVICE_LOG_LEVEL="TRACE", LLMSERVICE_GRPC__HTTP2_ENGINE=engine
    ) as server:
        with stub(server.address) as client:
            answer = client.invoke(ask("demo", "hello"), metadata=bearer(ALICE), timeout=20)
            assert answer.content == "Hello"
            errors: list[Any] = []
            for metadata in (
                bearer(wrong),
                [("authorization", wrong)],
                [*bearer(ALICE), *bearer(wrong)],
            ):
                with pytest.raises(grpc.RpcError) as caught:
                    client.invoke(ask("demo", "hello"), metadata=metadata, timeout=20)
                errors.append(caught.value)
        server.wait_for("UNAUTHENTICATED", 3)
        assert server.stop(signal.SIGTERM) == 0
    log = server.log()
    assert '"caller":"alice"' in log
    told = log + "".join(
        f"{e.details()}{e.trailing_metadata()}{e.initial_metadata()}" for e in errors
    )
    for secret in (ALICE, wrong, digest(ALICE), digest(ALICE)[:12]):
        assert secret not in told


def test_with_callers_configured_the_server_may_be_reached_from_elsewhere(tmp_path: Path) -> None:
    with serving(tmp_path, CONFIG, "--host=0.0.0.0") as server:
        port = server.address.rpartition(":")[2]
        with stub(f"127.0.0.1:{port}") as client:
            found = refusal(lambda: client.invoke(ask("demo", "hello"), timeout=20))
    assert found.code is grpc.StatusCode.UNAUTHENTICATED


def test_check_shows_who_may_do_what_and_hides_the_digest(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(CONFIG + "budget_usd_per_day = 12.5\n")
    done = called("check", f"--config={file}", LLMSERVICE_GRPC__HOST="0.0.0.0")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split("[callers.alice]\n")[1].split("\n\n")[0].splitlines()
    assert shown == [
        f'token_sha256 = "{digest(ALICE)[:8]}..."',
        'allow = ["demo/*"]',
        "budget_usd_per_day = 12.50",
        "expires = 2099-01-01T00:00:00+00:00",
    ]
    assert digest(ALICE)[:12] not in done.stdout
    assert "refuses to listen" not in done.stdout
