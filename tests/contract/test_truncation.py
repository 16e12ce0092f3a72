"""A truncated answer never looks complete: cut any stream before what ends it, and there is no answer."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.providers.compatible.codec import CompatibleConfig, compatible_codec
from adapters.providers.deepseek.codec import deepseek_codec
from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.groq.codec import groq_codec
from adapters.providers.mistral.codec import MistralConfig, mistral_codec
from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from adapters.wire.codec import Codec, ResponseHead
from domain.model.errors import ChatError, ErrorReason
from domain.model.events import ChatEvent, Finished, TextDelta
from tests.support.http_calls import call
from tests.support.speaker import Said
from tests.support.speakers import SPEAKERS

HEAD = ResponseHead(200, {})
CODECS: dict[str, Codec] = {
    "openai": openai_codec(OpenAIConfig()),
    "anthropic": AnthropicCodec(),
    "gemini": GeminiCodec(),
    "openrouter": openrouter_codec(OpenRouterConfig()),
    "compatible": compatible_codec(CompatibleConfig(name="compatible")),
    "mistral": mistral_codec(MistralConfig()),
    "deepseek": deepseek_codec(),
    "groq": groq_codec(),
}
# From where on what has come is a whole answer: a reason to stop, but for those who say it otherwise.
ENDS = {"anthropic": b'"type": "message_stop"', "gemini": b'"finishReason": "STOP"'}
REASONS = (b'"finish_reason": "stop"', b'"finish_reason": "tool_calls"')
SAID = st.one_of(
    st.builds(Said, text=st.text(min_size=1, max_size=20)),
    st.builds(Said, call_id=st.just("aB3dE5fG7")),
)
EITHER_BROKEN = {ErrorReason.PROVIDER_STREAM_TRUNCATED, ErrorReason.PROVIDER_PROTOCOL_ERROR}


def heard(codec: Codec, pieces: Iterable[bytes]) -> tuple[list[ChatEvent], ChatError | None]:
    decoder = codec.decoder(call(), HEAD)
    events: list[ChatEvent] = []
    try:
        for piece in pieces:
            for event in decoder.feed(piece):
                events.append(event)  # noqa: PERF402  an error must not lose what came before
        events.extend(decoder.end())
    except ChatError as error:
        return events, error
    return events, None


def end_of(name: str, body: bytes) -> int:
    marks = (ENDS[name],) if name in ENDS else REASONS
    return max(body.rfind(mark) for mark in marks)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=30)
@given(SAID, st.data())
def test_a_stream_cut_before_its_end_is_an_error(
    name: str, said: Said, data: st.DataObject
) -> None:
    body = SPEAKERS[name].stream(said)
    length = data.draw(st.integers(0, end_of(name, body)))
    cut = data.draw(st.integers(0, length))
    events, error = heard(CODECS[name], (body[:cut], body[cut:length]))
    assert error is not None
    assert error.reason in EITHER_BROKEN
    assert not any(isinstance(event, Finished) for event in events)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=30)
@given(SAID, st.lists(st.integers(0, 3_000), max_size=6))
def test_a_whole_stream_is_an_answer_however_it_is_cut(
    name: str, said: Said, cuts: list[int]
) -> None:
    body = SPEAKERS[name].stream(said)
    places = sorted(cut for cut in cuts if cut < len(body))
    pieces = [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]
    events, error = heard(CODECS[name], pieces)
    assert error is None
    assert isinstance(events[-1], Finished)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == said.text
    assert heard(CODECS[name], [body]) == (events, None)
