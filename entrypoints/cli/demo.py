"""`python -m entrypoints.cli.demo [PROMPT]`: the main job once, from a server's start to its clean stop.

The server is a process of its own, and the question goes to it over gRPC. Whatever ends this program short of
SIGKILL, the server ends too.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import anyio
import anyio.abc

from entrypoints.cli.answer import Answer, say
from entrypoints.cli.chat import DEFAULT_MODEL, DEFAULT_PROVIDER, Question, show_answer
from entrypoints.cli.endings import DONE, INTERRUPTED, BadUsage, OperationFailed
from entrypoints.cli.interrupt import interruptible
from entrypoints.cli.main import log_level, run
from entrypoints.cli.output import Output
from entrypoints.cli.reaching import Reach
from entrypoints.grpc.pb import llm_service_pb2 as pb

_DEFAULT_PROMPT = "Explain in two sentences why the sky is blue."
_START_S = 120.0
_STOP_S = 20.0
_LOOK_EVERY_S = 0.02
_MAX_TOKENS = 200
_LOG_LINES = 15


def main(words: Sequence[str]) -> int:
    """Run the demo with the prompt `words`; return its exit code."""
    return run("demo", lambda: _command(" ".join(words)))


def _command(prompt: str) -> int:
    log_level()
    if prompt in ("-h", "--help"):
        print(__doc__)
        return DONE
    try:
        prompt.encode()
    except UnicodeEncodeError:
        raise BadUsage("the prompt is not UTF-8 text") from None
    return anyio.run(_demo, prompt.strip() or _DEFAULT_PROMPT, backend="trio")


async def _demo(prompt: str) -> int:
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    async with interruptible(*ends) as interruption, _server() as address:
        request = pb.LLMRequest(
            provider=DEFAULT_PROVIDER, model=DEFAULT_MODEL, max_tokens=_MAX_TOKENS, temperature=0.7
        )
        request.messages.add(role="user", content=prompt)
        say(f"asking {DEFAULT_PROVIDER}/{DEFAULT_MODEL} at {address}: {prompt}")
        answer = Answer(Output.stdout())
        await show_answer(Question(server=Reach(target=address), request=request), answer)
        say(answer.summary())
        say(
            "A model of 135 million parameters: its answers are of toy quality; the way they came is real."
        )
    if interruption.number is not None:
        return INTERRUPTED if interruption.number is signal.SIGINT else 128 + interruption.number
    say("the server stopped cleanly")
    return DONE


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    """Run a server while the block runs; yield its address.

    Raises:
        OperationFailed: It did not start, or did not stop with exit code 0.
    """
    with tempfile.TemporaryDirectory(prefix="llmservice-demo-") as name:
        folder = Path(name)
        try:
            async with _process(folder) as process:
                with _progress("starting the server"):
                    address = await _ready(process, folder)
                yield address
            if process.returncode:
                raise OperationFailed(f"the server ended with exit code {process.returncode}")
        except OperationFailed:
            _show_log(folder)
            raise


@asynccontextmanager
async def _process(folder: Path) -> AsyncIterator[anyio.abc.Process]:
    with (folder / "log").open("wb") as log:
        process = await anyio.open_process(
            [
                sys.executable,
                "-m",
                "entrypoints.cli.main",
                "serve",
                "--host=127.0.0.1",
                "--port=0",
                f"--address-file={folder / 'address'}",
            ],
            # It leaves nothing behind.
            env={
                **os.environ,
                "LLMSERVICE_ACCOUNT__DATABASE": "memory",
                "LLMSERVICE_ACCOUNT__DATABASE_ENV": "",
                "LLMSERVICE_HTTP__ENABLED": "false",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for this program, which then ends the server in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            await _stop(process)


async def _stop(process: anyio.abc.Process) -> None:
    if process.returncode is None:
        process.terminate()
    with anyio.move_on_after(_STOP_S):
        await process.wait()
        return
    process.kill()
    await process.wait()


async def _ready(process: anyio.abc.Process, folder: Path) -> str:
    address = folder / "address"
    with anyio.move_on_after(_START_S):
        while True:
            if process.returncode is not None:
                raise OperationFailed(f"the server did not start (exit code {process.returncode})")
            if address.exists():
                return address.read_text(encoding="ascii").strip()
            await anyio.sleep(_LOOK_EVERY_S)
    raise OperationFailed(f"the server was not ready within {_START_S:g} s")


def _progress(text: str) -> AbstractContextManager[object]:
    if not sys.stderr.isatty():
        say(text)
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(text)


def _show_log(folder: Path) -> None:
    lines = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    if lines:
        say("the server's last words:")
    for line in lines[-_LOG_LINES:]:
        say(f"  {line}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
