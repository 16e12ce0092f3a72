"""Public names of models, and where each of them is answered.

A caller that is granted a public name may use whatever it stands for; any other may use of it what it may use
anyway.
"""

from collections.abc import Iterator, Mapping, Sequence

import anyio
import attrs

from domain.model.caller import Caller
from domain.model.errors import AccessDenied, ModelUnknown
from domain.model.model_info import ModelInfo
from domain.model.target import Target
from domain.policy.access import is_granted, may_use
from domain.policy.catalogue import PublicModel
from domain.policy.route_book import RouteBook
from domain.services.absent import Absent
from ports.provider import Provider

READY = "ready"
NOT_CONFIGURED = "not_configured"


@attrs.frozen
class PublicNames:
    """The catalogue, over the providers that there are.

    Attributes:
        catalogue: By public name.
        providers: By configured name.
        book: Knows how routes do.
    """

    catalogue: Mapping[str, PublicModel]
    providers: Mapping[str, Provider]
    book: RouteBook

    def targets(self, caller: Caller, name: str) -> tuple[Target, ...]:
        """Return where `name` is answered for `caller`, in the catalogue's order; at least one.

        Raises:
            AccessDenied: The caller may use nothing of it.
            ModelUnknown: None of its providers has its model.
        """
        public = self.catalogue[name]
        allowed = tuple(self._allowed(caller, name, public.targets))
        if not allowed:
            raise AccessDenied(
                f"caller {caller.name!r} may not use {name}: ask the operator of the service to allow"
                f" models/{name}"
            )
        there = tuple(each for each in allowed if self._info(each) is not None)
        if not there:
            raise ModelUnknown(f"none of the providers behind {name!r} has its model")
        able = tuple(
            each for each in there if not isinstance(self.providers[each.provider], Absent)
        )
        # One that lacks its key says how to come by it.
        return able or there[:1]

    def names(self, caller: Caller) -> Iterator[str]:
        """Give the public names that `caller` may use something of."""
        for name, public in self.catalogue.items():
            if any(self._allowed(caller, name, public.targets)):
                yield name

    def listed(self, caller: Caller) -> Iterator[ModelInfo]:
        """Give what `caller` can call by a public name, with how each of its routes does."""
        for name, public in sorted(self.catalogue.items()):
            allowed = [
                (each, info)
                for each in self._allowed(caller, name, public.targets)
                if (info := self._info(each)) is not None
            ]
            if allowed:
                yield self._shown(name, allowed)

    def with_health(self, info: ModelInfo) -> ModelInfo:
        """Return `info`, of a model of one provider, with a word on it if it is left alone now."""
        state = self._state(Target(info.provider, info.model))
        if state == READY:
            return info
        return attrs.evolve(info, health=(f"route:{info.provider}/{info.model}={state}",))

    def _shown(self, name: str, allowed: Sequence[tuple[Target, ModelInfo]]) -> ModelInfo:
        able = [info for target, info in allowed if self._state(target) != NOT_CONFIGURED] or [
            info for _, info in allowed
        ]
        contexts = [each.context_tokens for each in able if each.context_tokens is not None]
        outputs = [each.max_output_tokens for each in able if each.max_output_tokens is not None]
        return ModelInfo(
            provider="",
            model=name,
            # What holds wherever it is answered.
            features=frozenset.intersection(*(each.features for each in able)),
            context_tokens=min(contexts, default=None),
            max_output_tokens=min(outputs, default=None),
            health=tuple(
                f"route:{each.provider}/{each.model}={self._state(each)}" for each, _ in allowed
            ),
        )

    def _state(self, target: Target) -> str:
        if isinstance(self.providers[target.provider], Absent):
            return NOT_CONFIGURED
        if self.book.untroubled(target.provider, target.model):
            return READY
        now_s = anyio.current_time()
        standing = self.book.standing(target.provider, target.model, now_s, target.keys)
        return READY if standing.free else self.book.state(target.provider, target.model)

    def _allowed(self, caller: Caller, name: str, targets: Sequence[Target]) -> Iterator[Target]:
        granted = is_granted(caller, name)
        for each in targets:
            if granted or may_use(caller, each.provider, each.model):
                yield each

    def _info(self, target: Target) -> ModelInfo | None:
        return self.providers[target.provider].info(target.model)
