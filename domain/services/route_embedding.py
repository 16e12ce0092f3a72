"""The way from a public name to a provider that embeds."""

from collections.abc import Mapping, Sequence
from functools import partial

import attrs

from domain.model.caller import ANONYMOUS, Caller
from domain.model.embedding import EmbeddingCall, EmbeddingModelInfo, EmbeddingResponse
from domain.model.errors import FieldViolation, InvalidRequest, ModelUnknown
from domain.policy.access import demand_use, may_reach, may_use
from domain.policy.catalogue import resolve
from domain.policy.embedding import unfit
from ports.embedding_model import EmbeddingProvider


def _declared_by(routed: "EmbeddingRouted") -> Mapping[str, frozenset[str]]:
    return {
        name: frozenset(info.model for info in provider.models()) if provider else frozenset()
        for name, provider in routed.providers.items()
    }


@attrs.frozen
class EmbeddingRouted:
    """All configured providers behind one embedding model.

    Attributes:
        providers: By configured name; ``None``: that one has no embeddings.
    """

    providers: Mapping[str, EmbeddingProvider | None]
    _declared: Mapping[str, frozenset[str]] = attrs.field(
        init=False, default=attrs.Factory(_declared_by, takes_self=True)
    )

    async def embed(self, call: EmbeddingCall) -> EmbeddingResponse:
        """Return the vectors of the provider that `call` means.

        Raises:
            ModelUnknown: No provider, or no embedding model of that provider, has that name.
            AccessDenied: The caller may not use that model.
            InvalidRequest: The provider has no embeddings, or the model does not take a part of the request.
        """
        caller, asked = call.caller, call.request
        reach = partial(may_reach, caller)
        name, model = resolve(asked.provider, asked.model, self._declared, reach)
        # First of all: what else would be said of the model is not for those who may not use it.
        demand_use(caller, name, model)
        provider = self.providers[name]
        if provider is None:
            embedding = [each for each, made in self.providers.items() if made and reach(each)]
            raise InvalidRequest(
                FieldViolation(
                    "provider" if asked.provider else "model",
                    f"{name} has no embeddings; these have: {', '.join(sorted(embedding)) or 'none'}",
                )
            )
        info = provider.info(model)
        if info is None:
            known = ", ".join(
                sorted(each for each in self._declared[name] if may_use(caller, name, each))
            )
            raise ModelUnknown(
                f"provider {name!r} has no embedding model {model!r}; it has: {known or 'none'}"
            )
        request = attrs.evolve(asked, provider=name, model=model)
        wrong = unfit(request, info)
        if wrong:
            raise InvalidRequest(*wrong)
        return await provider.embed(attrs.evolve(call, request=request))

    def models(
        self, provider: str = "", caller: Caller = ANONYMOUS
    ) -> Sequence[EmbeddingModelInfo]:
        """Return what `caller` can call, by provider and name; of one provider if given."""
        chosen = [provider] if provider else sorted(self.providers)
        found = (self.providers.get(name) for name in chosen)
        return [
            info
            for each in found
            if each is not None
            for info in each.models()
            if may_use(caller, info.provider, info.model)
        ]
