"""Anthropic as a codec: where its pieces meet."""

from collections.abc import Iterable, Mapping, Sequence

import attrs

from adapters.providers.anthropic.answer import Answer
from adapters.providers.anthropic.draft import Draft
from adapters.providers.anthropic.encode import encode
from adapters.providers.anthropic.failure import failure_of_status
from adapters.providers.anthropic.models import MODELS, NEWER, ModelFacts, facts_of, info_of
from adapters.providers.anthropic.stream import AnthropicDecoder
from adapters.providers.anthropic.whole import whole
from adapters.wire.codec import ResponseHead, StreamDecoder, WireRequest
from adapters.wire.home import ProviderHome
from domain.model.call import ChatCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent
from domain.model.model_info import ModelInfo

HOME = ProviderHome(
    base_url="https://api.anthropic.com",
    base_url_variable="ANTHROPIC_BASE_URL",
    key_variable="ANTHROPIC_API_KEY",
)


def _completed(overrides: Mapping[str, ModelFacts]) -> Mapping[str, ModelFacts]:
    return {**MODELS, **overrides}


@attrs.frozen(kw_only=True)
class AnthropicCodec:
    """The Messages API; see `adapters.wire.codec.Codec`.

    Attributes:
        name: The provider's configured name; also the key of its `provider_options`, and whose thoughts
            go back.
        facts: Facts of models, by name; they win over `MODELS`, to which they are added. The name ``*``
            stands for every name that is not known.
        version: Of the API, sent with every request.
        betas: Names for the ``anthropic-beta`` header, sent with every request.
    """

    name: str = "anthropic"
    facts: Mapping[str, ModelFacts] = attrs.field(factory=dict, converter=_completed)
    version: str = "2023-06-01"
    betas: tuple[str, ...] = ()

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking."""
        return [
            info_of(self.name, model, facts) for model, facts in self.facts.items() if facts.listed
        ]

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`."""
        facts = facts_of(model, self.facts)
        return None if facts is None else info_of(self.name, model, facts)

    def encode(self, call: ChatCall, /) -> WireRequest:
        """Return the request for `call`."""
        request = call.request
        facts = facts_of(request.model, self.facts) or NEWER
        draft = Draft(self.name, request.model, facts, request.unsupported_params)
        return encode(call, draft, self.version, self.betas)

    def decoder(self, call: ChatCall, head: ResponseHead, /) -> StreamDecoder:
        """Return a fresh decoder."""
        return AnthropicDecoder(self._answer(call, head))

    def whole(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> Iterable[ChatEvent]:
        """Return the events of a whole answer."""
        return whole(self._answer(call, head), body)

    def failure(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means."""
        return failure_of_status(head, body)

    def _answer(self, call: ChatCall, head: ResponseHead) -> Answer:
        return Answer(self.name, facts_of(call.request.model, self.facts), call, head)
