"""One streamed answer: text to stdout, all else to stderr.

The table says what each kind of event looks like to people; with `--json` every event is its own line.
"""

import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TextIO

import attrs

from entrypoints.cli.endings import one_line, shown
from entrypoints.cli.output import Output
from entrypoints.client.stream import Events
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.settings.money import usd

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


@attrs.define
class Answer:
    """What has come so far.

    Attributes:
        provider: What serves; empty until it has begun.
        text: The answer's text.
        first_token_s: From the call to the first piece of content, in seconds.
        finish: The last event; ``None`` while it has not come.
    """

    _output: Output
    _began: float = attrs.field(factory=time.perf_counter)
    _aside: bool = False
    provider: str = ""
    model: str = ""
    text: str = ""
    first_token_s: float | None = None
    finish: pb.LLMStreamResponse | None = None

    async def show(self, events: Events) -> None:
        """Show `events` to people until the last one."""
        async for event in events:
            rule = _RULES.get(event.type)
            if rule is not None:
                await rule(self, event)
        self._back()
        await self._output.end_line()

    def abandon_line(self) -> None:
        """Leave the terminal at the start of a line, wherever the answer broke off."""
        self._back()
        self._output.abandon_line()

    def summary(self) -> str:
        """Return the usage line: who answered, tokens, times, and why it ended if that is unusual."""
        parts = [f"{self.provider}/{self.model}"]
        if self.finish is not None:
            usage = self.finish.usage
            counted = [
                f"{count} tokens {way}"
                for count, way, known in (
                    (usage.input_tokens, "in", usage.HasField("input_tokens")),
                    (usage.output_tokens, "out", usage.HasField("output_tokens")),
                )
                if known
            ]
            estimated = usage.source == pb.USAGE_SOURCE_ESTIMATED
            parts.append((", ".join(counted) or "tokens unknown") + " (estimated)" * estimated)
            if usage.HasField("cost_nano_usd"):
                parts.append(f"${usd(usage.cost_nano_usd)}")
        if self.first_token_s is not None:
            parts.append(f"first token {self.first_token_s * 1000:.0f} ms")
        parts.append(f"total {time.perf_counter() - self._began:.2f} s")
        if self.finish is not None and self.finish.finish_reason != pb.FINISH_REASON_STOP:
            reason = pb.FinishReason.Name(self.finish.finish_reason)
            parts.append(f"ended by {reason.removeprefix('FINISH_REASON_')}")
        return one_line(" | ".join(parts))

    async def _start(self, event: pb.LLMStreamResponse) -> None:
        self.provider, self.model = event.start.provider, event.start.model

    async def _content(self, event: pb.LLMStreamResponse) -> None:
        self._mark()
        self._back()
        self.text += event.content
        await self._output.write(event.content)

    async def _reasoning(self, event: pb.LLMStreamResponse) -> None:
        self._mark()
        await self._apart(event.reasoning.text)

    async def _tool_call(self, event: pb.LLMStreamResponse) -> None:
        self._mark()
        call = event.tool_call
        await self._apart(f"\n[tool call] {call.name} " if call.name else "")
        await self._apart(call.arguments_json_fragment)

    async def _warning(self, event: pb.LLMStreamResponse) -> None:
        self._back()
        await self._output.end_line()
        # The generated types take the message called Warning for Python's own.
        warning: Any = event.warning
        say(f"warning: {warning.code}: {warning.message}")

    async def _route_changed(self, event: pb.LLMStreamResponse) -> None:
        changed = event.route_changed
        self._back()
        # What was said stands there already, and is no part of the answer.
        self.text = ""
        await self._output.end_line()
        previous, following = changed.previous, changed.next
        say(
            f"{previous.provider}/{previous.model} broke off ({changed.reason}): the answer begins anew,"
            f" from {following.provider}/{following.model}"
        )

    async def _finish(self, event: pb.LLMStreamResponse) -> None:
        self.finish = event

    def _mark(self) -> None:
        if self.first_token_s is None:
            self.first_token_s = time.perf_counter() - self._began

    async def _apart(self, text: str) -> None:
        """Write what is not the answer, distinctly."""
        if not text:
            return
        if not self._aside:
            await self._output.end_line()
            self._aside = True
        sys.stderr.write(dimmed(shown(text)))
        sys.stderr.flush()

    def _back(self) -> None:
        if self._aside:
            self._aside = False
            sys.stderr.write("\n")
            sys.stderr.flush()


_RULES: Mapping[int, Callable[[Answer, pb.LLMStreamResponse], Awaitable[None]]] = {
    pb.STREAM_EVENT_TYPE_START: Answer._start,
    pb.STREAM_EVENT_TYPE_CONTENT_DELTA: Answer._content,
    pb.STREAM_EVENT_TYPE_REASONING_DELTA: Answer._reasoning,
    pb.STREAM_EVENT_TYPE_TOOL_CALL_DELTA: Answer._tool_call,
    pb.STREAM_EVENT_TYPE_ROUTE_CHANGED: Answer._route_changed,
    pb.STREAM_EVENT_TYPE_WARNING: Answer._warning,
    pb.STREAM_EVENT_TYPE_FINISH: Answer._finish,
}


async def show_json(events: Events, output: Output) -> None:
    """Write `events` as protobuf JSON, one a line."""
    from google.protobuf.json_format import MessageToJson

    async for event in events:
        await output.write(MessageToJson(event, indent=None, ensure_ascii=False) + "\n")


def say(text: str) -> None:
    """Write one line to people, on stderr, dimmed on a terminal."""
    print(dimmed(one_line(text)), file=sys.stderr, flush=True)


def dimmed(text: str, stream: TextIO | None = None) -> str:
    """Return `text` in a lighter colour, where that can be seen."""
    shown_on = stream or sys.stderr
    return f"{_DIM}{text}{_PLAIN}" if shown_on.isatty() and not os.environ.get("NO_COLOR") else text
