"""The way from a public name to where it is answered: a call is given its plan, and handed on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

import attrs

from domain.model.call import ChatCall
from domain.model.caller import ANONYMOUS, Caller
from domain.model.errors import ModelUnknown
from domain.model.events import ChatEvent
from domain.model.model_info import ModelInfo
from domain.model.target import Target
from domain.policy.access import demand_use, may_reach, may_use
from domain.policy.catalogue import resolve
from domain.policy.route_book import RouteBook
from domain.services.public_names import PublicNames
from domain.services.routes import Routes
from ports.chat_model import ChatModel
from ports.provider import Provider


def _declared_by(routed: "Routed") -> Mapping[str, frozenset[str]]:
    return {
        name: frozenset(info.model for info in provider.models())
        for name, provider in routed.providers.items()
    }


@attrs.frozen
class Routed:
    """All configured providers behind one model.

    Attributes:
        providers: By configured name.
        top: Answers calls that have a plan: the stack around the providers.
        public: Public names of models.
    """

    providers: Mapping[str, Provider]
    top: ChatModel = attrs.field(
        default=attrs.Factory(lambda self: Routes(self.providers), takes_self=True)
    )
    public: PublicNames = attrs.field(
        default=attrs.Factory(
            lambda self: PublicNames({}, self.providers, RouteBook()), takes_self=True
        )
    )
    _declared: Mapping[str, frozenset[str]] = attrs.field(
        init=False, default=attrs.Factory(_declared_by, takes_self=True)
    )

    def stream(self, call: ChatCall) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer at the provider that `call` means.

        Raises:
            ModelUnknown: No provider, or no model of that provider, has that name.
            AccessDenied: The caller may not use that model.
            InvalidRequest: The model does not take a part of the request.
        """
        caller, request = call.caller, call.request
        if not request.provider and request.model in self.public.catalogue:
            return self._named(call)
        name, model = resolve(
            request.provider,
            request.model,
            self._declared,
            partial(may_reach, caller),
            self.public.names(caller),
        )
        # First of all: what else would be said of the model is not for those who may not use it.
        demand_use(caller, name, model)
        provider = self.providers[name]
        info = provider.info(model)
        if info is None:
            known = ", ".join(
                sorted(each for each in self._declared[name] if may_use(caller, name, each))
            )
            raise ModelUnknown(f"provider {name!r} has no model {model!r}; it has: {known}")
        request = attrs.evolve(request, provider=name, model=model)
        return self.top.stream(attrs.evolve(call, request=request, plan=(Target(name, model),)))

    def _named(self, call: ChatCall) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer to a call for a public name."""
        public = call.request.model
        plan = self.public.targets(call.caller, public)
        request = attrs.evolve(call.request, provider=plan[0].provider, model=plan[0].model)
        return self.top.stream(attrs.evolve(call, request=request, plan=plan, public=public))

    def models(self, provider: str = "", caller: Caller = ANONYMOUS) -> Sequence[ModelInfo]:
        """Return what `caller` can call, by provider and name; of one provider if given.

        Raises:
            ModelUnknown: There is no such provider.
        """
        if provider:
            resolve(provider, "", self._declared, partial(may_reach, caller))
        chosen = [provider] if provider else sorted(self.providers)
        named = () if provider else self.public.listed(caller)
        found = (
            self.public.with_health(info)
            for name in chosen
            for info in self.providers[name].models()
            if may_use(caller, name, info.model)
        )
        return [*named, *found]
