"""Holds a Chat Completions codec to expectation files: what each body means, however it is cut.

The files beside ``transcripts`` and in ``recorded`` were written by hand from the wire formats, none by a
decoder. Traffic that others recorded is read in place and never copied; where it is not found, its tests
are skipped.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from adapters.wire.codec import Codec, ResponseHead
from domain.model.call import ChatCall
from domain.model.chat import (
    ChatRequest,
    ContentPart,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
)
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, ReasoningDelta, Started, TextDelta, UsageReported
from domain.model.response import fold
from domain.model.usage import Usage

SHARED = Path(__file__).parents[3] / "shared"
FIXTURES = SHARED / "fixtures"
SPECS = SHARED / "specs"
SHORT = 6_000
"""Bytes; in longer bodies not every single cut is tried, but every byte is a piece of its own once."""


def a_call(model: str, **fields: Any) -> ChatCall:
    """Return a call that asks `model` a plain question, but for `fields`."""
    asked: dict[str, Any] = {
        "model": model,
        "messages": (Message(role=Role.USER, parts=(Text(text="hello"),)),),
        **fields,
    }
    return ChatCall(request=ChatRequest(**asked), request_id="r-1")


@attrs.frozen
class Contract:
    """The expectation files of one provider.

    Attributes:
        here: Folder with ``recorded`` and ``transcripts``.
        fixtures: Folder with the traffic that others recorded.
        codec_for: Gives the codec for the expectation of this name.
        model: Asked for in all calls.
    """

    here: Path
    fixtures: Path
    codec_for: Callable[[str], Codec]
    model: str

    def paths(self, ending: str) -> list[Path]:
        """Return the expectations for bodies with `ending`."""
        return sorted(self.here.glob(f"*/*.{ending}.expected.json"))

    def body(self, expected: Path) -> bytes:
        """Return the body that `expected` is about."""
        own = expected.parent.name == "transcripts"
        path = (expected.parent if own else self.fixtures) / name_of(expected)
        if not path.exists():
            pytest.skip(f"the recorded traffic is not there: {path}")
        return path.read_bytes()

    def head(self, expected: Path, wanted: dict[str, Any]) -> ResponseHead:
        """Return the head that came with the body."""
        headers = wanted.pop("headers", {})
        meta = self.fixtures / f"{expected.name.partition('.response.')[0]}.meta.json"
        if expected.parent.name == "recorded" and meta.exists():
            headers = json.loads(meta.read_bytes())["headers"]
        return ResponseHead(wanted.get("status", 200), headers)

    def outcome(
        self, expected: Path, pieces: Iterable[bytes], head: ResponseHead
    ) -> tuple[list[ChatEvent], ChatError | None]:
        """Return the events that came, and what ended them."""
        decoder = self.codec_for(expected.name).decoder(a_call(self.model), head)
        events: list[ChatEvent] = []
        try:
            for piece in pieces:
                for event in decoder.feed(piece):
                    events.append(event)  # noqa: PERF402  an error must not lose what came before
            events.extend(decoder.end())
        except ChatError as error:
            return events, error
        return events, None

    def assert_stream(self, expected: Path) -> None:
        """Hold a streamed body to `expected`."""
        wanted, body = json.loads(expected.read_bytes()), self.body(expected)
        events, error = self.outcome(expected, [body], self.head(expected, wanted))
        # What is no answer of this protocol does not even begin.
        assert isinstance(next(iter(events), None), Started) or ("raises" in wanted and not events)
        if "raises" in wanted:
            assert error is not None
            assert {**told(error), **so_far(events)} == wanted
        else:
            assert error is None
            assert described(events) == wanted

    def assert_whole(self, expected: Path) -> None:
        """Hold a whole body, good or bad, to `expected`."""
        wanted, body = json.loads(expected.read_bytes()), self.body(expected)
        head, codec = self.head(expected, wanted), self.codec_for(expected.name)
        if "raises" not in wanted:
            assert described([*codec.whole(a_call(self.model), head, body)]) == wanted
        elif head.status == 200:
            with pytest.raises(ChatError) as caught:
                list(codec.whole(a_call(self.model), head, body))
            assert told(caught.value) == wanted
        else:
            assert told(codec.failure(a_call(self.model), head, body)) == wanted

    def assert_single_cuts(self, expected: Path) -> None:
        """Cut the body once, at every byte where it is short."""
        body = self.body(expected)
        wanted = self._heard(expected, [body])
        step = 1 if len(body) < SHORT else max(41, len(body) // 50)
        for cut in range(0, len(body), step):
            assert self._heard(expected, [body[:cut], body[cut:]]) == wanted, cut

    def assert_every_byte(self, expected: Path) -> None:
        """Cut the body at every byte at once."""
        body = self.body(expected)
        single = [body[index : index + 1] for index in range(len(body))]
        assert self._heard(expected, single) == self._heard(expected, [body])

    def assert_random_cuts(self, expected: Path) -> None:
        """Cut the body anywhere, many times."""
        body = self.body(expected)
        wanted, dice = self._heard(expected, [body]), random.Random(1)
        for _ in range(20):
            cuts = sorted(dice.choices(range(len(body)), k=dice.randrange(1, 60)))
            pieces = [
                body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)
            ]
            assert self._heard(expected, pieces) == wanted, cuts

    def assert_no_beginning_is_an_answer(self, expected: Path) -> None:
        """Break the body off before its reason to stop, anywhere."""
        body = self.body(expected)
        if "raises" in json.loads(expected.read_bytes()):
            return
        end = min(body.index(b'"finish_reason":"'), len(body))
        step = 1 if len(body) < SHORT else max(97, end // 50)
        for cut in range(0, end, step):
            _, error = self.outcome(expected, [body[:cut]], ResponseHead(200, {}))
            assert error is not None, cut
            reasons = ("PROVIDER_STREAM_TRUNCATED", "PROVIDER_PROTOCOL_ERROR")
            assert error.reason.name in reasons, cut

    def assert_all_recordings_are_known(self, left_out: Mapping[str, str]) -> None:
        """Hold that each recording has an expectation, or is `left_out` for a reason."""
        if not self.fixtures.exists():
            pytest.skip(f"the recorded traffic is not there: {self.fixtures}")
        known = {name_of(path) for path in (self.here / "recorded").glob("*.expected.json")}
        found = {path.name for path in self.fixtures.iterdir()}
        bodies = {name for name in found if not name.endswith((".request.json", ".meta.json"))}
        assert bodies == known | left_out.keys()
        assert not known & left_out.keys()

    def _heard(
        self, expected: Path, pieces: Iterable[bytes]
    ) -> tuple[list[ChatEvent], dict[str, Any] | None]:
        events, error = self.outcome(expected, pieces, ResponseHead(200, {}))
        return events, None if error is None else told(error)


def name_of(expected: Path) -> str:
    """Return the name of the body that `expected` is about."""
    return expected.name.removesuffix(".expected.json")


def folded(events: Iterable[ChatEvent]) -> Message:
    """Return the message that `events` make."""
    return fold(events).message


def described(events: Sequence[ChatEvent]) -> dict[str, Any]:
    """Return the answer that `events` make in the words of the expectation files."""
    response = fold(events)
    started = events[0]
    assert isinstance(started, Started)
    return {
        "id": response.id,
        "model": response.model,
        "request_id": started.upstream_request_id,
        "parts": [_part(part) for part in response.message.parts],
        "finish": response.finish_reason.value,
        "native": response.native_finish_reason,
        "usage": _usage(response.usage),
        "warnings": [warning.code for warning in response.warnings],
    }


def told(error: ChatError) -> dict[str, Any]:
    """Return `error` in the words of the expectation files."""
    return {
        "status": error.upstream_status,
        "raises": error.reason.name,
        "retryable": error.retryable,
        "retry_after_s": error.retry_after_s,
        "message": error.message,
        "request_id": error.upstream_request_id,
    }


def so_far(events: Sequence[ChatEvent]) -> dict[str, Any]:
    """Return what was said and counted before an error."""
    usage = [event.usage for event in events if isinstance(event, UsageReported)]
    return {
        "after": {
            "text": said("".join(e.text for e in events if isinstance(e, TextDelta))),
            "reasoning": said("".join(e.text for e in events if isinstance(e, ReasoningDelta))),
        },
        "usage": _usage(usage[-1]) if usage else None,
    }


def said(text: str) -> Any:
    """Return `text`, or what tells it from others where it is long."""
    if len(text) <= 60:
        return text
    return {
        "begins": text[:20],
        "characters": len(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest()[:16],
    }


def _part(part: ContentPart) -> dict[str, Any]:
    match part:
        case Text():
            return {"text": said(part.text)}
        case Refusal():
            return {"refusal": said(part.text)}
        case Reasoning():
            found: dict[str, Any] = {"reasoning": said(part.text)}
            if part.signature:
                found["details"] = [
                    {
                        key: said(value) if isinstance(value, str) else value
                        for key, value in each.items()
                    }
                    for each in json.loads(part.signature)
                ]
            return found | ({"redacted": True} if part.redacted else {})
        case ToolCall():
            return {"tool_call": part.name, "id": part.id, "arguments": part.arguments_json}
        case _:
            raise AssertionError(part)


def _usage(usage: Usage) -> dict[str, Any]:
    found: dict[str, Any] = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
    }
    raw = usage.raw or {}
    return found | ({"cost": raw["cost"]} if "cost" in raw else {})


def recorded_body(path: Path) -> dict[str, Any]:
    """Return what was sent, without what says nothing; skip the test where it is not found."""
    if not path.exists():
        pytest.skip(f"the recorded traffic is not there: {path}")
    body: dict[str, Any] = json.loads(path.read_bytes())["body"]
    for name, nothing in (("n", 1), ("stream", False)):
        if body.get(name) == nothing:
            del body[name]
    for tool in body.get("tools", ()):
        if not tool["function"].get("description"):
            tool["function"].pop("description", None)
    return body
