"""OpenRouter as a codec: the Chat Completions dialect, with its own words for thinking, caching and errors.

Source: https://openrouter.ai/docs/api-reference/overview, .../guides/best-practices/prompt-caching;
OpenRouterTeam/docs openapi.yaml of August 2026 (``ApiErrorType``)
"""

from collections.abc import Iterable, Mapping, Sequence

import attrs

from adapters.providers.chat_completions.catalogue import Catalogue
from adapters.providers.chat_completions.codec import ChatCompletionsCodec
from adapters.providers.chat_completions.dialect import RESERVED, CachePlace, Dialect
from adapters.providers.chat_completions.draft import Draft
from adapters.providers.chat_completions.encode import write
from adapters.providers.openrouter.failure import STATUSES, WORDS
from adapters.providers.openrouter.thoughts import given_back, reasoning_fields
from adapters.wire.codec import ResponseHead, StreamDecoder, WireRequest
from adapters.wire.overrides import Override
from domain.model.caching import CacheControl
from domain.model.call import ChatCall
from domain.model.chat import ChatRequest
from domain.model.errors import ChatError
from domain.model.events import ChatEvent
from domain.model.json_value import Json, JsonObject
from domain.model.model_info import Feature, ModelInfo
from domain.policy.breakpoints import breakpoints
from domain.policy.fetching import Fetches

FETCHES: Fetches = {"image/": ("https://", "http://")}
"""What OpenRouter, or whom it asks, fetches; as of November 2026."""
MOST_BREAKPOINTS = 4
"""In one request; the body's own counts."""
_TTLS: Mapping[float | None, JsonObject] = {
    None: {"type": "ephemeral"},
    300.0: {"type": "ephemeral", "ttl": "5m"},
    3_600.0: {"type": "ephemeral", "ttl": "1h"},
}


@attrs.frozen(kw_only=True)
class OpenRouterConfig:
    """What is set where an OpenRouter provider is made.

    Attributes:
        name: The provider's configured name; also the key of its `provider_options`, and whose thoughts
            go back.
        models: Facts of models that are listed.
        overrides: What the settings say of models; it wins over `models`.
        open_ended: Whether other names are passed on too.
        referer: Address of the application, for OpenRouter's listings.
        title: Its name there.
        require_parameters: Whether a request goes only to providers that take all it asks for. OpenRouter
            drops parameters silently otherwise; its knowledge of who takes what is not complete.
    """

    name: str = "openrouter"
    models: Sequence[ModelInfo] = ()
    overrides: Sequence[Override] = ()
    open_ended: bool = True
    referer: str = ""
    title: str = ""
    require_parameters: bool = False


@attrs.frozen(kw_only=True)
class OpenRouterCodec:
    """Chat Completions at OpenRouter; see `adapters.wire.codec.Codec`.

    Attributes:
        spoken: The dialect and the catalogue, which do not depend on the request.
        headers: Sent with every request.
        routing: Sent as the body's ``provider``, unless the options say otherwise.
    """

    spoken: ChatCompletionsCodec
    headers: Mapping[str, str]
    routing: JsonObject

    @property
    def name(self) -> str:
        """The provider's configured name."""
        return self.spoken.name

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking."""
        return self.spoken.models()

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`."""
        return self.spoken.info(model)

    def encode(self, call: ChatCall, /) -> WireRequest:
        """Return the request for `call`."""
        request = call.request
        draft = Draft(self.spoken.dialect, request.unsupported_params)
        _check_breakpoints(request, draft)
        fields: dict[str, Json] = dict(reasoning_fields(request))
        if self.routing:
            fields["provider"] = self.routing
        rest = attrs.evolve(request, reasoning=None)
        wire = write(attrs.evolve(call, request=rest), draft, fields)
        return attrs.evolve(wire, headers=self.headers)

    def decoder(self, call: ChatCall, head: ResponseHead, /) -> StreamDecoder:
        """Return a fresh decoder."""
        return self.spoken.decoder(call, head)

    def whole(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> Iterable[ChatEvent]:
        """Return the events of a whole answer."""
        return self.spoken.whole(call, head, body)

    def failure(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means."""
        return self.spoken.failure(call, head, body)


def openrouter_codec(config: OpenRouterConfig) -> OpenRouterCodec:
    """Return the codec for the account of `config`."""
    catalogue = Catalogue(
        provider=config.name,
        # What the many models take differs and changes daily; OpenRouter knows it.
        features=frozenset(Feature),
        overrides=[*(_said(info) for info in config.models), *config.overrides],
        open_ended=config.open_ended,
    )
    return OpenRouterCodec(
        spoken=ChatCompletionsCodec(
            dialect=openrouter_dialect(config.name),
            listed=catalogue.listed(),
            look_up=catalogue.look_up,
        ),
        headers=shown_headers(config),
        routing=routing_of(config),
    )


def shown_headers(config: OpenRouterConfig) -> Mapping[str, str]:
    """Return the headers that name the application."""
    shown = {"http-referer": config.referer, "x-openrouter-title": config.title}
    return {name: value for name, value in shown.items() if value}


def routing_of(config: OpenRouterConfig) -> JsonObject:
    """Return what the body's ``provider`` says; empty: nothing."""
    return {"require_parameters": True} if config.require_parameters else {}


def openrouter_dialect(name: str) -> Dialect:
    """Return how OpenRouter is spoken to."""
    return Dialect(
        name=name,
        features=frozenset(Feature),
        # Usage is always told; the field that asks for it is deprecated.
        stream_options=None,
        cache_mark=_mark,
        cache_places=frozenset({CachePlace.PART, CachePlace.TOOL, CachePlace.BODY}),
        thoughts=given_back,
        refusal_part="text",
        allowed_tools=False,
        # Who may ask for which model is decided before; these would ask another one.
        reserved=RESERVED | {"models", "preset", "route"},
        request_id_header="x-generation-id",
        request_id_field="id",
        failure_words=WORDS,
        failure_statuses=STATUSES,
    )


def _said(info: ModelInfo) -> Override:
    facts = attrs.asdict(
        info, filter=attrs.filters.exclude("provider", "model", "embeds", "health")
    )
    return Override(info.model, facts)


def _mark(control: CacheControl) -> JsonObject:
    said = _TTLS.get(control.ttl_s)
    if said is None:
        raise ValueError(
            f"keeps a prefix for {control.ttl_s:g} s; OpenRouter takes 300 s or 3600 s: set one of "
            "them, or leave it out for what the model's provider does"
        )
    return {"cache_control": said}


def _check_breakpoints(request: ChatRequest, draft: Draft) -> None:
    paths = [path for path, _ in breakpoints(request)]
    if request.cache_control is not None:
        paths.append("cache_control")
    for number, path in enumerate(paths[MOST_BREAKPOINTS:], MOST_BREAKPOINTS + 1):
        draft.refuse(path, f"is cache breakpoint {number}; OpenRouter takes {MOST_BREAKPOINTS}")
