"""How `chat` and `models` reach a server: addresses, tokens, TLS; and what they never show."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from entrypoints.cli.arguments import parser
from entrypoints.cli.endings import BadUsage
from entrypoints.cli.reaching import Reach, reach
from entrypoints.client.tls import Tls
from tests.support.cli_runs import Running, run, serving
from tests.support.planted import planted

SECRET = planted("s3cret")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("serve")) as running:
        yield running


def reached(*words: str, **environment: str) -> Reach:
    return reach(parser().parse_args(["models", *words]), environment)


def test_an_address_may_be_written_as_grpc_names_are(server: Running) -> None:
    done = run("models", f"--target=dns:///{server.address}")
    assert done.returncode == 0, done.stderr


def test_a_token_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    assert reached(LLMSERVICE_TOKEN=SECRET).token == SECRET
    assert reached(LLMSERVICE_TOKEN_FILE=str(file)).token == SECRET
    assert reached(f"--token-file={file}", LLMSERVICE_TOKEN="another").token == SECRET
    assert reached().token is None


def test_a_token_goes_along_and_is_shown_nowhere(server: Running) -> None:
    done = run("models", f"--target={server.address}", LLMSERVICE_TOKEN=SECRET)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr + server.log()
    assert SECRET not in repr(reached(LLMSERVICE_TOKEN=SECRET))


def test_no_option_takes_the_token_itself() -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["models", "--token=x"])


def test_a_token_does_not_cross_the_network_in_plain_text() -> None:
    done = run("models", "--target=host.example", LLMSERVICE_TOKEN=SECRET)
    assert done.returncode == 2
    assert "in plain text" in done.stderr
    assert "--plain-token" in done.stderr
    assert SECRET not in done.stderr
    assert reached("--target=host.example", "--plain-token", LLMSERVICE_TOKEN=SECRET).plain_token
    assert reached("--target=https://host.example", LLMSERVICE_TOKEN=SECRET).token == SECRET


@pytest.mark.parametrize("content", [None, b"\xff", b"two words"])
def test_a_token_that_is_none_is_bad_usage(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadUsage, match="token"):
        reached(f"--token-file={file}")


def test_tls_is_spoken_if_anything_of_it_is_named(tmp_path: Path) -> None:
    assert reached().tls is None
    assert reached("--tls").tls == Tls()
    assert reached("--tls-name=host.example").tls == Tls(server_name="host.example")
    missing = tmp_path / "ca.pem"
    with pytest.raises(BadUsage, match=r"ca\.pem.*No such file"):
        reached(f"--tls-ca={missing}")


def test_a_server_without_tls_is_told_from_one_with_it(server: Running) -> None:
    done = run("models", f"--target=https://{server.address}")
    assert done.returncode == 1
    assert "TLS" in done.stderr
    assert "Traceback" not in done.stderr
