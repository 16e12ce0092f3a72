"""The way from a public name to where it is answered: a call is given its plan, and handed on."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache, partial
from typing import TypeAlias

import attrs

from domain.model.call import ChatCall
from domain.model.caller import ANONYMOUS, Caller
from domain.model.chat import ChatRequest
from domain.model.errors import AccessDenied, FieldViolation, InvalidRequest, ModelUnknown
from domain.model.events import ChatEvent
from domain.model.model_info import ModelInfo
from domain.model.target import Target
from domain.policy.access import demand_use, may_reach, may_use
from domain.policy.catalogue import resolve
from domain.policy.route_book import RouteBook
from domain.services.capable import refusals
from domain.services.public_names import PublicNames
from domain.services.routes import Routes
from ports.chat_model import ChatModel
from ports.provider import Provider

REMEMBERED = 1_024
"""Questions of who means what of which is remembered where they are answered; callers can make models up."""
_Asked: TypeAlias = Callable[[Caller, str, str], tuple[str, tuple[Target, ...]]]


def _remembered(routed: "Routed") -> _Asked:
    # It is the same each time, and takes a dozen functions to find out.
    return lru_cache(REMEMBERED)(routed._find)


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
        plain: What of `top` answers a call that has no key, asks for nothing of our cache, and leaves it to
            the settings what becomes of its answer if its caller leaves.
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
    plain: ChatModel = attrs.field(default=attrs.Factory(lambda self: self.top, takes_self=True))
    _declared: Mapping[str, frozenset[str]] = attrs.field(
        init=False, default=attrs.Factory(_declared_by, takes_self=True)
    )
    _asked: _Asked = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_remembered, takes_self=True)
    )

    def stream(self, call: ChatCall) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer at the provider that `call` means.

        Raises:
            ModelUnknown: No provider, or no model of that provider, has that name.
            AccessDenied: The caller may not use that model.
            InvalidRequest: No model of the plan takes all of the request, or there is no such fallback.
        """
        request = call.request
        public, plan = self._asked(call.caller, request.provider, request.model)
        if request.routing.fallbacks:
            others = enumerate(request.routing.fallbacks)
            rest = [
                each
                for index, target in others
                for each in self._fallback(call.caller, target, index)
            ]
            # Once each, however they are named.
            plan = tuple(dict.fromkeys((*plan, *rest)))
        if plan[1:]:
            # Where there is one, below it is looked at anyway.
            plan = self._able(request, plan)
        rare = request.idempotency_key or request.response_cache or request.on_disconnect
        return (self.top if rare else self.plain).stream(call.planned(plan, public))

    def _find(self, caller: Caller, provider: str, model: str) -> tuple[str, tuple[Target, ...]]:
        """Return the public name that is asked for, if it is one, and where it is answered."""
        if not provider and model in self.public.catalogue:
            # Once each, whatever the settings say.
            return model, tuple(dict.fromkeys(self.public.targets(caller, model)))
        return "", (self._target(caller, provider, model),)

    def _target(self, caller: Caller, provider: str, model: str) -> Target:
        name, model = resolve(
            provider,
            model,
            self._declared,
            partial(may_reach, caller),
            self.public.names(caller),
        )
        # First of all: what else would be said of the model is not for those who may not use it.
        demand_use(caller, name, model)
        if self.providers[name].info(model) is None:
            known = ", ".join(
                sorted(each for each in self._declared[name] if may_use(caller, name, each))
            )
            raise ModelUnknown(f"provider {name!r} has no model {model!r}; it has: {known}")
        return Target(name, model)

    def _fallback(self, caller: Caller, asked: Target, index: int) -> tuple[Target, ...]:
        # Now, and not when it is needed: a name that is wrong is better known before.
        path = f"routing.fallbacks[{index}]"
        try:
            return self._asked(caller, asked.provider, asked.model)[1]
        except ModelUnknown as error:
            raise InvalidRequest(FieldViolation(path, error.message)) from None
        except AccessDenied as error:
            raise AccessDenied(f"{path}: {error.message}") from None

    def _able(self, request: ChatRequest, plan: tuple[Target, ...]) -> tuple[Target, ...]:
        """Return what of `plan` takes `request`.

        Raises:
            InvalidRequest: Nothing does; says what each lacks.
        """
        able: list[Target] = []
        lacking: list[FieldViolation] = []
        for target in plan:
            info = self.providers[target.provider].info(target.model)
            refused = () if info is None else refusals(info, request)
            if refused:
                lacking += refused
            else:
                able.append(target)
        if not able:
            raise InvalidRequest(*dict.fromkeys(lacking))
        return tuple(able)

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
