"""The command-line clients, grpcurl and buf curl; what needs a dialogue they cannot play."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from tests.support.interop.cases import LARGE_IN, LARGE_OUT, SIZES_IN, SIZES_OUT, SPECIAL
from tests.support.interop.messages import PROTO, SERVICE
from tests.support.interop.where import Where

PATIENCE_S = 20.0
_BIN = Path(sys.executable).parent
_ECHO = ("x-grpc-test-echo-initial: test_initial", "x-grpc-test-echo-trailing-bin: q6ur")
_DIALOGUE = "a command cannot hold a dialogue"
UNFIT: Mapping[str, str] = {
    "client_compressed_unary": "it does not compress",
    "client_compressed_streaming": "it does not compress",
    **dict.fromkeys(("ping_pong", "cancel_after_begin", "cancel_after_first_response"), _DIALOGUE),
}


@attrs.frozen
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def messages(self) -> list[dict[str, object]]:
        """Return the JSON objects that were printed."""
        assert self.code == 0, self.err
        decoder, text, found = json.JSONDecoder(), self.out.strip(), []
        while text:
            message, end = decoder.raw_decode(text)
            found.append(message)
            text = text[end:].strip()
        return found

    def sizes(self) -> list[int]:
        """Return how long the payloads of the answers are."""
        payloads = [str(dict(each["payload"])["body"]) for each in self.messages()]  # type: ignore[call-overload]
        return [len(base64.b64decode(each)) for each in payloads]

    def failed(self, *told: str) -> None:
        """See that the call failed and that all of `told` was."""
        assert self.code != 0, self.out
        for each in told:
            assert each.lower() in self.err.lower(), self.err


Command = Callable[[Where, str, Sequence[str]], list[str]]
Run = Callable[..., Done]


def grpcurl(where: Where, method: str, headers: Sequence[str]) -> list[str]:
    security = {
        "plain": ["-plaintext"],
        "tls": [f"-cacert={where.ca}"],
        "mtls": [f"-cacert={where.ca}", f"-cert={where.certificate}", f"-key={where.key}"],
    }[where.security]
    said = [word for each in headers for word in ("-H", each)]
    return [
        str(_BIN / "grpcurl"), *security, *said, *(["-v"] if headers else []), "-max-time=1",
        f"-import-path={PROTO.parent}", f"-proto={PROTO.name}", "-d=@", where.address, method,
    ]  # fmt: skip


def buf(where: Where, method: str, headers: Sequence[str]) -> list[str]:
    security = {
        "plain": ["--http2-prior-knowledge"],
        "tls": [f"--cacert={where.ca}"],
        "mtls": [f"--cacert={where.ca}", f"--cert={where.certificate}", f"--key={where.key}"],
    }[where.security]
    said = [word for each in headers for word in ("-H", each)]
    scheme = "http" if where.security == "plain" else "https"
    return [
        str(_BIN / "buf"), "curl", *security, *said, *(["-v"] if headers else []), "--protocol=grpc",
        "--timeout=1s", f"--schema={PROTO}", "--data=@-", f"{scheme}://{where.address}/{method}",
    ]  # fmt: skip


TOOLS: Mapping[str, Command] = {"grpcurl": grpcurl, "buf": buf}


def _body(size: int) -> dict[str, str]:
    return {"body": base64.b64encode(bytes(size)).decode()}


def _asking(sizes: Sequence[int], interval_us: int = 0) -> dict[str, object]:
    asked = [{"size": size, "interval_us": interval_us} for size in sizes]
    return {"response_parameters": asked}


def empty_unary(run: Run) -> None:
    assert run("EmptyCall", {}).messages() == [{}]


def large_unary(run: Run) -> None:
    question = {"response_size": LARGE_OUT, "payload": _body(LARGE_IN)}
    assert run("UnaryCall", question).sizes() == [LARGE_OUT]


def client_streaming(run: Run) -> None:
    (answer,) = run("StreamingInputCall", *({"payload": _body(s)} for s in SIZES_IN)).messages()
    assert list(answer.values()) == [sum(SIZES_IN)]


def server_streaming(run: Run) -> None:
    assert run("StreamingOutputCall", _asking(SIZES_OUT)).sizes() == list(SIZES_OUT)


def empty_stream(run: Run) -> None:
    assert run("FullDuplexCall").messages() == []


def timeout_on_sleeping_server(run: Run) -> None:
    run("StreamingOutputCall", _asking([1], 5_000_000)).failed("deadline")


def status_code_and_message(run: Run) -> None:
    status = {"response_status": {"code": 2, "message": "test status message"}}
    run("UnaryCall", status).failed("unknown", "test status message")
    run("FullDuplexCall", status).failed("unknown", "test status message")


def special_status_message(run: Run) -> None:
    status = {"response_status": {"code": 2, "message": SPECIAL}}
    run("UnaryCall", status).failed("☺", "😈")


def custom_metadata(run: Run) -> None:
    done = run("UnaryCall", {"response_size": 1}, headers=_ECHO)
    assert done.code == 0, done.err
    for each in _ECHO:
        # Once as it was sent, once as it came back.
        assert (done.out + done.err).lower().count(each) >= 2, done.out + done.err


def unimplemented_method(run: Run) -> None:
    run("UnimplementedCall", {}).failed("unimplemented")


def unimplemented_service(run: Run) -> None:
    run("UnimplementedCall", {}, service="grpc.testing.UnimplementedService").failed(
        "unimplemented"
    )


CASES: Sequence[Callable[[Run], None]] = (
    empty_unary,
    large_unary,
    client_streaming,
    server_streaming,
    empty_stream,
    timeout_on_sleeping_server,
    status_code_and_message,
    special_status_message,
    custom_metadata,
    unimplemented_method,
    unimplemented_service,
)


def runner(tool: str, where: Where) -> Run:
    """Return what runs `tool` with messages as JSON."""

    def run(
        method: str,
        *messages: Mapping[str, object],
        service: str = SERVICE,
        headers: Sequence[str] = (),
    ) -> Done:
        done = subprocess.run(
            TOOLS[tool](where, f"{service}/{method}", headers),
            input="\n".join(json.dumps(each) for each in messages),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run
