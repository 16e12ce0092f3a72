"""OpenAI as a codec: the Chat Completions dialect, fitted to each model.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Iterable, Mapping, Sequence

import attrs

from adapters.providers.chat_completions.codec import ChatCompletionsCodec
from adapters.providers.chat_completions.draft import Draft
from adapters.providers.chat_completions.encode import write
from adapters.providers.openai.fit import dialect_of, fit
from adapters.providers.openai.models import MODELS, NEWER, ModelFacts, facts_of, info_of
from adapters.wire.codec import ResponseHead, StreamDecoder, WireRequest
from adapters.wire.overrides import Override, by_vagueness, names, overridden
from domain.model.call import ChatCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent
from domain.model.model_info import ModelInfo
from domain.policy.fetching import Fetches

FETCHES: Fetches = {"image/": ("https://", "http://")}
"""What OpenAI fetches by itself: pictures alone, as of November 2026."""


@attrs.frozen(kw_only=True)
class OpenAIConfig:
    """What is set where an OpenAI provider is made.

    Attributes:
        name: The provider's configured name; also the key of its `provider_options`.
        facts: Facts of models, by name; they win over `MODELS`, to which they are added. The name ``*``
            stands for every name that is not known.
        overrides: What the settings say of models; it wins over `facts`.
        organization: Whose account pays, where the key belongs to several.
        project: Which of its projects.
    """

    name: str = "openai"
    facts: Mapping[str, ModelFacts] = attrs.field(factory=dict)
    overrides: Sequence[Override] = ()
    organization: str = ""
    project: str = ""


@attrs.frozen(kw_only=True)
class OpenAICodec:
    """Chat Completions at OpenAI; see `adapters.wire.codec.Codec`.

    Attributes:
        name: The provider's configured name.
        facts: Of all known models, by name.
        headers: Sent with every request.
        overrides: Win over `facts`.
    """

    name: str
    facts: Mapping[str, ModelFacts]
    headers: Mapping[str, str]
    overrides: Sequence[Override] = attrs.field(default=(), converter=by_vagueness)

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking."""
        found = {model: self._known(model) for model in names(self.overrides, list(self.facts))}
        return [
            info_of(self.name, model, facts)
            for model, facts in found.items()
            if facts is not None and facts.listed
        ]

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`."""
        facts = self._known(model)
        return None if facts is None else info_of(self.name, model, facts)

    def encode(self, call: ChatCall, /) -> WireRequest:
        """Return the request for `call`."""
        facts = self._facts(call)
        draft = Draft(dialect_of(self.name, facts), call.request.unsupported_params)
        request, fields = fit(call.request, facts, draft)
        wire = write(attrs.evolve(call, request=request), draft, fields)
        return attrs.evolve(wire, headers=self.headers)

    def decoder(self, call: ChatCall, head: ResponseHead, /) -> StreamDecoder:
        """Return a fresh decoder."""
        return self._spoken(call).decoder(call, head)

    def whole(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> Iterable[ChatEvent]:
        """Return the events of a whole answer."""
        return self._spoken(call).whole(call, head, body)

    def failure(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means."""
        return self._spoken(call).failure(call, head, body)

    def _facts(self, call: ChatCall) -> ModelFacts:
        return self._known(call.request.model) or NEWER

    def _known(self, model: str) -> ModelFacts | None:
        return overridden(model, self.overrides, lambda name: facts_of(name, self.facts), NEWER)

    def _spoken(self, call: ChatCall) -> ChatCompletionsCodec:
        dialect = dialect_of(self.name, self._facts(call))
        return ChatCompletionsCodec(dialect=dialect, look_up=self.info)


def openai_codec(config: OpenAIConfig) -> OpenAICodec:
    """Return the codec for the account of `config`."""
    return OpenAICodec(
        name=config.name,
        facts={**MODELS, **config.facts},
        headers=account_headers(config),
        overrides=config.overrides,
    )


def account_headers(config: OpenAIConfig) -> Mapping[str, str]:
    """Return the headers that say whose account pays."""
    account = {
        "openai-organization": config.organization,
        "openai-project": config.project,
    }
    return {name: value for name, value in account.items() if value}
