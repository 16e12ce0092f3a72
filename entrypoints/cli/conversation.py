"""A conversation on a terminal.

Reading a line happens outside the event loop: Ctrl-C at the prompt is then Python's own, nothing is
connected while someone thinks, and a server that was restarted in between is just connected to again.
"""

import signal
from contextlib import suppress
from importlib import import_module

import anyio
import attrs

from entrypoints.cli.answer import Answer, say
from entrypoints.cli.chat import Question, show_answer
from entrypoints.cli.endings import DONE, INTERRUPTED, OperationFailed
from entrypoints.cli.failure import told
from entrypoints.cli.interrupt import interruptible
from entrypoints.cli.output import Output
from entrypoints.client.errors import CallFailed
from entrypoints.grpc.pb import llm_service_pb2 as pb

_PROMPT = "> "
_HELP = (
    "/reset forgets the conversation, /exit or Ctrl-D ends it; Ctrl-C cancels an answer, or clears the line"
    " (twice: ends)"
)


def converse(opening: Question) -> int:
    """Hold a conversation; `opening` has what is common to all its questions.

    Raises:
        OperationFailed: There is no server.
    """
    # Line editing and history, where Python has it.
    with suppress(ImportError):
        import_module("readline")
    anyio.run(_greet, opening, backend="trio")
    said: list[pb.ChatMessage] = []
    interrupts = 0
    while True:
        try:
            line = input(_PROMPT).strip()
        except EOFError:
            print()
            return DONE
        except KeyboardInterrupt:
            print()
            interrupts += 1
            if interrupts == 2:
                return INTERRUPTED
            continue
        except UnicodeDecodeError:
            say("that was not UTF-8 text")
            continue
        interrupts = 0
        if line in ("/exit", "/quit"):
            return DONE
        if line == "/reset":
            said.clear()
            say("forgotten")
        elif line.startswith("/") and line[1:].isalpha():
            say(_HELP if line == "/help" else f"there is no {line}; {_HELP}")
        elif line:
            _turn(opening, said, line)


def _turn(opening: Question, said: list[pb.ChatMessage], line: str) -> None:
    request = pb.LLMRequest()
    request.CopyFrom(opening.request)
    asked = pb.ChatMessage(role="user", content=line)
    request.messages.extend([*said, asked])
    try:
        text = anyio.run(_answered, attrs.evolve(opening, request=request), backend="trio")
    except OperationFailed as error:
        say(str(error))
    except KeyboardInterrupt:
        # Before or after the answer's own handler was there.
        say("cancelled")
    else:
        if text:
            said += [asked, pb.ChatMessage(role="assistant", content=text)]


async def _answered(question: Question) -> str:
    answer = Answer(Output.stdout())
    async with interruptible(signal.SIGINT) as interruption:
        await show_answer(question, answer)
    say(answer.summary() if interruption.number is None else "cancelled")
    return answer.text


async def _greet(opening: Question) -> None:
    try:
        async with interruptible(signal.SIGINT) as interruption, opening.server.connect():
            pass
    except CallFailed as failure:
        raise OperationFailed(told(failure)) from failure
    if interruption.number is not None:
        raise KeyboardInterrupt
    request = opening.request
    model = f"{request.provider}/{request.model}" if request.provider else request.model
    say(f"{model} at {opening.server.target}. /help, /reset, /exit; Ctrl-C cancels an answer.")
