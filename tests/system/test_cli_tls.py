"""`llmservice serve` with TLS: as configured, reloaded under calls, and never a word of the key."""

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
import trustme

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import CONFIG, Running, run, serving
from tests.support.tls_files import Files


def config(files: Files, more: str = "") -> str:
    return (
        f"{CONFIG}\n"
        'long = [{ say = "a" }, { wait_s = 3.0 }, { say = "b" }]\n'
        f'[grpc.tls]\ncertificate = "{files.path("cert.pem")}"\nkey = "{files.path("key.pem")}"\n{more}'
    )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path).write()


def models(address: str, credentials: grpc.ChannelCredentials) -> bytes:
    with grpc.secure_channel(address, credentials) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/llmservice.v1.ModelService/ListModels"
        )
        return call(b"", timeout=10)


def entries(server: Running) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.log().splitlines()]


def test_a_new_certificate_is_taken_over_at_sighup_and_streams_live_on(
    tmp_path: Path, files: Files
) -> None:
    before, after = files.credentials(), trustme.CA()
    with (
        serving(tmp_path, config(files, "reload_s = 0\n")) as server,
        grpc.secure_channel(server.address, before) as channel,
    ):
        stream: grpc.UnaryStreamMultiCallable[pb.LLMRequest, pb.LLMStreamResponse] = (
            channel.unary_stream(
                "/llmservice.v1.LLMService/InvokeStream",
                request_serializer=pb.LLMRequest.SerializeToString,
                response_deserializer=pb.LLMStreamResponse.FromString,
            )
        )
        message = pb.ChatMessage(role="user", content="hi")
        request = pb.LLMRequest(provider="demo", model="long", messages=[message])
        events: Iterator[pb.LLMStreamResponse] = iter(stream(request, timeout=20))
        heard = [next(events).content, next(events).content]
        files.write(ca=after)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for('"reloaded"', times=2)
        with pytest.raises(grpc.RpcError):
            models(server.address, before)
        assert models(server.address, grpc.ssl_channel_credentials(after.cert_pem.bytes()))
        heard += [event.content for event in events]
        assert "".join(heard) == "ab"
        told = next(each for each in entries(server) if each["message"] == "reloaded")
        assert (told["reloaded"], told["needs_restart"]) == (["callers", "certificates"], [])
        assert server.stop() == 0


def test_sighup_names_what_needs_a_restart_and_a_broken_file_changes_nothing(
    tmp_path: Path, files: Files
) -> None:
    with serving(tmp_path, config(files)) as server:
        config_file = tmp_path / "c.toml"
        config_file.write_text(config(files) + "\n[timeouts]\nidle_s = 3\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("needs_restart")
        assert entries(server)[-1]["needs_restart"] == ["timeouts.idle_s"]
        config_file.write_text("[grpc]\nprt = 1\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("nothing was reloaded")
        assert "grpc.prt: is not known" in str(entries(server)[-1]["message"])
        files.replace("key.pem", trustme.CA().issue_cert("x").private_key_pem.bytes())
        config_file.write_text(config(files))
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("the certificates stay as they were")
        assert models(server.address, files.credentials())
        assert server.stop() == 0


def test_a_caller_is_known_by_its_certificate_and_the_table_is_reloaded(
    tmp_path: Path, files: Files
) -> None:
    client = files.credentials(files.ca.issue_cert("billing@example.org"))
    mutual = config(files, f'client_ca = "{files.path("ca.pem")}"\n')
    with serving(
        tmp_path, mutual + '[callers.billing]\nclient_subject = "EMAIL:someone@example.org"\n'
    ) as server:
        for credentials in (client, files.credentials()):
            with pytest.raises(grpc.RpcError) as refused:
                models(server.address, credentials)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        (tmp_path / "c.toml").write_text(
            mutual + '[callers.billing]\nclient_subject = "EMAIL:billing@example.org"\n'
        )
        server.process.send_signal(signal.SIGHUP)
        server.wait_for('"reloaded"', times=2)
        assert models(server.address, client)
        server.wait_for('"caller":"billing"')
        assert server.stop() == 0


def test_files_that_change_are_found_without_a_signal(tmp_path: Path, files: Files) -> None:
    after = trustme.CA()
    with serving(tmp_path, config(files, "reload_s = 0.05\n")) as server:
        files.write(ca=after)
        server.wait_for("the certificate is loaded", times=2)
        assert models(server.address, grpc.ssl_channel_credentials(after.cert_pem.bytes()))


def test_the_environment_configures_it_too_and_clients_certificates_are_authentication(
    tmp_path: Path, files: Files
) -> None:
    client = files.ca.issue_cert("a@example.org")
    with serving(
        tmp_path,
        CONFIG,
        "--host=0.0.0.0",
        LLMSERVICE_LOG_LEVEL="DEBUG",
        LLMSERVICE_GRPC__TLS__CERTIFICATE=files.path("cert.pem"),
        LLMSERVICE_GRPC__TLS__KEY=files.path("key.pem"),
        LLMSERVICE_GRPC__TLS__CLIENT_CA=files.path("ca.pem"),
        LLMSERVICE_GRPC__TLS__REQUIRE_CLIENT_CERTIFICATE="true",
        LLMSERVICE_GRPC__TLS__MIN_VERSION="1.3",
    ) as server:
        port = server.address.rpartition(":")[2]
        assert models(f"127.0.0.1:{port}", files.credentials(client))
        with pytest.raises(grpc.RpcError):
            models(f"127.0.0.1:{port}", files.credentials())
        server.wait_for("no TLS connection: ")
        assert server.stop() == 0
        key = Path(files.path("key.pem")).read_text().splitlines()[1:-1]
        assert not [line for line in key if line in server.log()]


@pytest.mark.parametrize("command", ["serve", "check"])
def test_files_that_cannot_serve_are_one_line_and_2(
    tmp_path: Path, files: Files, command: str
) -> None:
    (tmp_path / "c.toml").write_text(config(files))
    files.replace("key.pem", trustme.CA().issue_cert("x").private_key_pem.bytes())
    done = run(command, f"--config={tmp_path}/c.toml", LLMSERVICE_LOG_LEVEL="DEBUG")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert f"grpc.tls.key: {files.path('key.pem')}: does not belong to the certificate" in last
    key = Path(files.path("key.pem")).read_text().splitlines()[1:-1]
    assert not [line for line in key if line in done.stderr + done.stdout]


@pytest.mark.parametrize(
    ("days", "code", "words"),
    [(3, 0, "note: the certificate expires in 2 days"), (-1, 1, "the certificate EXPIRED at")],
)
def test_check_shows_the_files_and_says_what_expires(
    tmp_path: Path, files: Files, days: int, code: int, words: str
) -> None:
    now = datetime.now(UTC)
    old = files.ca.issue_cert(
        "localhost", not_before=now - timedelta(days=9), not_after=now + timedelta(days=days)
    )
    files.replace("cert.pem", old.cert_chain_pems[0].bytes())
    files.replace("key.pem", old.private_key_pem.bytes())
    (tmp_path / "c.toml").write_text(config(files))
    done = run("check", f"--config={tmp_path}/c.toml")
    assert done.returncode == code
    assert f'[grpc.tls]\ncertificate = "{files.path("cert.pem")}"' in done.stdout
    assert f'key = "{files.path("key.pem")}"' in done.stdout
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('key = "k"', "grpc.tls.certificate: is missing"),
        ('certificate = "c"\nrequire_client_certificate = true', "grpc.tls.client_ca: is missing"),
        ('certificate = "c"\nmin_version = "1.1"', "grpc.tls.min_version"),
        ('certificate = """-----BEGIN X-----"""', "grpc.tls.certificate: must be the path"),
        ('certificate = "c"\nkey = """-----BEGIN SECRET"""', "grpc.tls.key: must be the path"),
    ],
)
def test_settings_that_make_no_sense_are_named(tmp_path: Path, settings: str, words: str) -> None:
    (tmp_path / "c.toml").write_text(f"[grpc.tls]\n{settings}\n")
    done = run("check", f"--config={tmp_path}/c.toml")
    assert done.returncode == 2
    assert words in done.stderr
    assert "BEGIN" not in done.stderr
