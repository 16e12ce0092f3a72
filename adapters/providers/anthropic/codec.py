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
from adapters.wire.overrides import Override, by_vagueness, names, overridden
from domain.model.call import ChatCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent
from domain.model.model_info import ModelInfo

VERSION = "2023-06-01"


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
        overrides: What the settings say of models; it wins over `facts`.
        version: Of the API, sent with every request.
        betas: Names for the ``anthropic-beta`` header, sent with every request.
    """

    name: str = "anthropic"
    facts: Mapping[str, ModelFacts] = attrs.field(factory=dict, converter=_completed)
    overrides: Sequence[Override] = attrs.field(default=(), converter=by_vagueness)
    version: str = VERSION
    betas: tuple[str, ...] = ()

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking."""
        found = {model: self._facts(model) for model in names(self.overrides, list(self.facts))}
        return [
            info_of(self.name, model, facts)
            for model, facts in found.items()
            if facts is not None and facts.listed
        ]

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`."""
        facts = self._facts(model)
        return None if facts is None else info_of(self.name, model, facts)

    def encode(self, call: ChatCall, /) -> WireRequest:
        """Return the request for `call`."""
        request = call.request
        facts = self._facts(request.model) or NEWER
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
        return Answer(self.name, self._facts(call.request.model), call, head)

    def _facts(self, model: str) -> ModelFacts | None:
        return overridden(model, self.overrides, lambda name: facts_of(name, self.facts), NEWER)
