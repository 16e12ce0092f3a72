"""`llmservice chat`: one question, or a conversation."""

import argparse
import signal
import sys

import anyio
import attrs

from entrypoints.cli.answer import Answer, say, show_json
from entrypoints.cli.endings import DONE, INTERRUPTED, BadUsage, OperationFailed
from entrypoints.cli.failure import told
from entrypoints.cli.interrupt import interruptible
from entrypoints.cli.output import Output
from entrypoints.cli.reaching import Reach, reach
from entrypoints.client.errors import CallFailed
from entrypoints.grpc.pb import llm_service_pb2 as pb

DEFAULT_PROVIDER, DEFAULT_MODEL = "local", "smollm2-135m-instruct"


@attrs.frozen(kw_only=True)
class Question:
    """What is asked, of whom.

    Attributes:
        timeout_s: For the whole call; ``None``: no bound.
    """

    server: Reach
    request: pb.LLMRequest
    timeout_s: float | None = None


def command(asked: argparse.Namespace) -> int:
    """Ask, and show the answer.

    Raises:
        BadUsage: The target or the prompt makes no sense.
        OperationFailed: There is no complete answer.
    """
    question = Question(server=reach(asked), request=_request(asked), timeout_s=asked.timeout)
    if not asked.prompt and not asked.json and sys.stdin.isatty():
        from entrypoints.cli.conversation import converse

        if asked.idempotency_key:
            raise BadUsage("--idempotency-key is for one question, and needs a prompt")
        return converse(question)
    question.request.messages.add(role="user", content=_prompt(asked.prompt))
    return anyio.run(_ask, question, asked.json, backend="trio")


async def _ask(question: Question, as_json: bool) -> int:
    async with interruptible(signal.SIGINT) as interruption:
        if as_json:
            await _pass_on(question)
        else:
            answer = Answer(Output.stdout())
            await show_answer(question, answer)
            say(answer.summary())
    return DONE if interruption.number is None else INTERRUPTED


async def show_answer(question: Question, answer: Answer) -> None:
    """Ask `question` and show its answer as it comes; `answer` keeps what came, whatever happens.

    Raises:
        OperationFailed: There is no complete answer.
    """
    try:
        async with (
            question.server.connect() as client,
            client.invoke_stream(question.request, timeout_s=question.timeout_s) as events,
        ):
            await answer.show(events)
    except CallFailed as failure:
        raise OperationFailed(told(failure)) from failure
    finally:
        answer.abandon_line()


async def _pass_on(question: Question) -> None:
    try:
        async with (
            question.server.connect() as client,
            client.invoke_stream(question.request, timeout_s=question.timeout_s) as events,
        ):
            await show_json(events, Output.stdout())
    except CallFailed as failure:
        raise OperationFailed(told(failure)) from failure


def _request(asked: argparse.Namespace) -> pb.LLMRequest:
    if asked.provider not in (None, DEFAULT_PROVIDER) and not asked.model:
        raise BadUsage(
            f"--provider {asked.provider} needs a --model; `llmservice models` lists them"
        )
    request = pb.LLMRequest(
        # A model named alone is found by the server; named by nobody, it is the one that needs no key.
        provider=asked.provider or ("" if asked.model else DEFAULT_PROVIDER),
        model=asked.model or DEFAULT_MODEL,
        temperature=asked.temperature,
        max_tokens=asked.max_tokens,
        idempotency_key=asked.idempotency_key,
    )
    if asked.fallback or asked.max_attempts:
        routing = request.routing
        routing.fallbacks.extend(pb.Target(model=each) for each in asked.fallback)
        if asked.max_attempts:
            routing.max_attempts = asked.max_attempts
    if asked.system:
        request.messages.add(
            role="system", content=_text(asked.system.encode(errors="surrogateescape"))
        )
    return request


def _prompt(words: list[str]) -> str:
    if not words or words == ["-"]:
        text = _text(sys.stdin.buffer.read())
    else:
        text = _text(" ".join(words).encode(errors="surrogateescape"))
    if not text.strip():
        raise BadUsage("the prompt is empty")
    return text.rstrip("\n")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadUsage("the prompt is not UTF-8 text") from None
